"""The kind of vehicle of each SimMode."""

from __future__ import annotations

from airseg.simulators.embedded.vehicles.multirotor import Multirotor
from airseg.simulators.embedded.vehicles.vehicle import Car, FreeCamera, Vehicle

VEHICLES: dict[str, type[Vehicle]] = {
    "Multirotor": Multirotor,
    "Car": Car,
    "ComputerVision": FreeCamera,
}
