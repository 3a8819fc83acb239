"""Rotations: AirSim's conventions, checked by the axes they must turn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airseg.geometry import (
    euler_from_quaternion,
    quaternion_conjugate,
    quaternion_from_euler,
    quaternion_multiply,
    rotate,
    rotation_matrix,
    wrap_angle,
)

angle = st.floats(-3.1, 3.1)
steep = st.floats(-1.5, 1.5)


def test_positive_yaw_turns_north_to_east():
    np.testing.assert_allclose(
        rotate(quaternion_from_euler(0, 0, np.pi / 2), [1, 0, 0]), [0, 1, 0], atol=1e-12
    )


def test_positive_pitch_raises_the_nose():
    assert rotate(quaternion_from_euler(0, np.pi / 6, 0), [1, 0, 0])[2] == pytest.approx(-0.5)


def test_positive_roll_lowers_the_right_wing():
    assert rotate(quaternion_from_euler(np.pi / 6, 0, 0), [0, 1, 0])[2] == pytest.approx(0.5)


@given(angle, steep, angle)
def test_euler_angles_survive_the_round_trip(roll, pitch, yaw):
    back = euler_from_quaternion(quaternion_from_euler(roll, pitch, yaw))
    np.testing.assert_allclose(back, (roll, pitch, yaw), atol=1e-6)


@given(angle, steep, angle, angle, steep, angle)
def test_products_turn_one_after_the_other(r1, p1, y1, r2, p2, y2):
    a, b = quaternion_from_euler(r1, p1, y1), quaternion_from_euler(r2, p2, y2)
    product = rotation_matrix(quaternion_multiply(a, b))
    np.testing.assert_allclose(product, rotation_matrix(a) @ rotation_matrix(b), atol=1e-9)


@given(angle, steep, angle)
def test_conjugate_undoes_a_rotation(roll, pitch, yaw):
    q = quaternion_from_euler(roll, pitch, yaw)
    np.testing.assert_allclose(
        rotate(quaternion_conjugate(q), rotate(q, [1, 2, 3])), [1, 2, 3], atol=1e-9
    )


@given(st.floats(-100, 100))
def test_wrapped_angles_point_the_same_way(value):
    wrapped = wrap_angle(value)
    assert -np.pi <= wrapped < np.pi
    assert np.cos(wrapped) == pytest.approx(np.cos(value), abs=1e-9)
