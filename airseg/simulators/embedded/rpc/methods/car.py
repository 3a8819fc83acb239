"""RPC methods that only cars have."""

from __future__ import annotations

from typing import Any, cast

from airseg.simulators.embedded.rpc.methods.vehicles import VehicleApi, check_finite
from airseg.simulators.embedded.rpc.rpc_server import rpc
from airseg.simulators.embedded.vehicles.vehicle import Car
from airseg.simulators.protocol import CarControls


class CarApi(VehicleApi):
    """Orders to cars."""

    @rpc("setCarControls", CarControls, str)
    def set_controls(self, controls: CarControls, name: str) -> None:
        """Set pedals and wheel."""
        check_finite("the controls", controls.throttle, controls.steering, controls.brake)
        with self._simulation.lock:
            cast(Car, self._vehicle(name)).controls = controls

    @rpc("getCarControls", str)
    def controls(self, name: str) -> CarControls:
        """Return pedals and wheel as last set."""
        return cast(Car, self._vehicle(name)).controls

    @rpc("getCarState", str)
    def state(self, name: str) -> dict[str, Any]:
        """Return speed, gear and motion."""
        with self._simulation.lock:
            car = cast(Car, self._vehicle(name))
            speed = abs(car.speed)
            return {
                "speed": float(car.speed),
                "gear": -1 if car.speed < -0.1 else min(1 + int(speed / 8), 5),
                "rpm": float(900 + 180 * speed),
                "maxrpm": 7500.0,
                "handbrake": car.controls.handbrake,
                "kinematics_estimated": car.body.kinematics(car.origin),
                "timestamp": self._simulation.clock.now_ns,
            }
