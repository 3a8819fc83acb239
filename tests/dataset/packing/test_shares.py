"""Shares of classes are told by sequence and environment; what one environment lacks is told."""

import numpy as np

from airseg.classes import CLASS_NAMES
from airseg.dataset.packing.shares import SequenceShare, missing_classes, to_csv


def share(environment, name, **classes):
    pixels = np.zeros(256, np.int64)
    for class_name, count in classes.items():
        pixels[255 if class_name == "ignored" else CLASS_NAMES.index(class_name)] = count
    return SequenceShare(environment, name, "train", 4, pixels)


def test_class_that_another_environment_shows_is_missed():
    town = [share("town", "a", road=5, pool=1), share("town", "b", sky=5)]
    shares = [*town, share("farm", "c", road=1)]
    assert missing_classes(shares, CLASS_NAMES) == [
        "environment farm shows no sky, pool, which others show: is a rule missing in the label "
        "map?"
    ]


def test_one_environment_alone_misses_nothing():
    assert missing_classes([share("town", "a", road=5)], CLASS_NAMES) == []


def test_rows_add_up_by_environment():
    lines = to_csv([share("town", "a", road=3, ignored=1), share("town", "b", road=4)], ["road"])
    assert lines.splitlines()[1:] == [
        "town,a,train,4,0.750000,0.250000",
        "town,b,train,4,1.000000,0.000000",
        "town,(all),,8,0.875000,0.125000",
    ]
