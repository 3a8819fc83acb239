"""The state of one simulation: world, vehicles, cameras, light, and the time they share."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from airseg.simulators.embedded.client_files import ClientFiles
from airseg.simulators.embedded.clock import Clock, SimulatedClock, weakly
from airseg.simulators.embedded.rendering.renderer import AFTERNOON_SUN, Atmosphere, Renderer
from airseg.simulators.embedded.rendering.stage import Placement
from airseg.simulators.embedded.scene.world import World, WorldObject
from airseg.simulators.embedded.sensing.annotation_layers import AnnotationLayer
from airseg.simulators.embedded.sensing.cameras import (
    Camera,
    build_cameras,
    build_external_cameras,
    find_camera,
    stabilize,
)
from airseg.simulators.embedded.sensing.instance_ids import InstanceIds
from airseg.simulators.embedded.sensing.segmentation_ids import SegmentationIds
from airseg.simulators.embedded.settings import Settings, VehicleSetting
from airseg.simulators.embedded.vehicles.body_shapes import car_geometry, drone_geometry
from airseg.simulators.embedded.vehicles.kinds import VEHICLES
from airseg.simulators.embedded.vehicles.multirotor import Multirotor
from airseg.simulators.embedded.vehicles.vehicle import Car, Vehicle
from airseg.simulators.embedded.wall_clock import AirSimClock
from airseg.simulators.protocol import WeatherParameter

# What Unreal lists beside meshes: things without a mesh, which recorders and label maps must bear.
ENGINE_ACTORS = (
    "CameraDirector",
    "ExponentialHeightFog_1",
    "LightSource",
    "PlayerStart",
    "PostProcessVolume2_7",
    "SkyLight_1",
    "WorldSettings_1",
)


CLOCKS = ("simulated", "airsim")


@dataclass(frozen=True)
class Behaviour:
    """How the simulation differs from AirSim on purpose, or does not.

    Attributes:
        clock: one of `CLOCKS`; ``simulated`` is exact and repeatable, ``airsim`` plays AirSim's.
        seed: of what is drawn by chance.
        ideal: names of `IDEALS` that hold.
    """

    clock: str = "simulated"
    seed: int = 0
    ideal: frozenset[str] = frozenset()


IDEALS = {
    "immediate-poses": "a pose that is set is seen at once, paused or not",
    "full-reset": "reset sets time, objects, weather, light and cameras back as well",
    "keep-nan": "components of a pose that are NaN keep their value",
    "first-vehicle": "the vehicle without a name is the first of the file, not of the alphabet",
}
"""What AirSim does not do, and some would rather have; each can be switched on."""


@dataclass(frozen=True)
class _MovingSun:
    """A sun that moves with simulator time, from one moment on, in steps."""

    start: datetime
    since_ns: int
    speed: float
    interval_s: float

    def moment(self, now_ns: int) -> datetime:
        steps = (now_ns - self.since_ns) / 1e9 // self.interval_s
        return self.start + timedelta(seconds=steps * self.interval_s * self.speed)


class Simulation:
    """Everything a method of the RPC reads or changes. Hold `lock` to do so.

    Args:
        world: where it takes place.
        renderer: of that world.
        settings: vehicles, cameras and mode.
        dialect: ``airsim`` or ``cosys``; the latter has instance segmentation.
        behaviour: its clock, and where it is kinder than AirSim.
        client_files: where clients may write; nowhere unless said.
    """

    def __init__(
        self,
        world: World,
        renderer: Renderer,
        settings: Settings,
        dialect: str = "airsim",
        behaviour: Behaviour | None = None,
        client_files: ClientFiles | None = None,
    ) -> None:
        self.dialect = dialect
        self.behaviour = behaviour or Behaviour()
        self.client_files = client_files or ClientFiles()
        self.world, self.renderer, self.settings = world, renderer, settings
        self.lock = threading.RLock()
        self.clock = self._build_clock()
        ids = InstanceIds if dialect == "cosys" else SegmentationIds
        self.segmentation: SegmentationIds = ids(world)
        self._annotations = {
            setting.Name: AnnotationLayer(setting, self.segmentation)
            for setting in settings.annotations
        }
        self._object_index: dict[str, int] = {}
        self._index_of_lower: dict[str, int] = {}
        self._indexed = (-1, -1)
        self.vehicles: dict[str, Vehicle] = {}
        self.cameras: dict[str, dict[str, Camera]] = {}
        self.external_cameras = build_external_cameras(
            settings.external_cameras, settings.camera_defaults
        )
        for name, setting in settings.vehicles.items():
            self.add_vehicle(name, setting)
        self._default_vehicle = self._choose_default()
        self.weather_enabled = False
        self.weather = dict.fromkeys(WeatherParameter, 0.0)
        self._sun: _MovingSun | None = None
        self._ticked_ns = self.clock.now_ns
        self.sun_brightness = 1.0

    def _build_clock(self) -> Clock:
        settings = self.settings
        physics, tick = weakly(self._step), weakly(self.tick)
        if self.behaviour.clock == "simulated":
            return SimulatedClock(physics, tick, self.lock, settings.clock_speed)
        return AirSimClock(
            physics,
            tick,
            self.lock,
            settings.clock_speed,
            mode=settings.sim_mode,
            steppable=settings.is_steppable,
            seed=self.behaviour.seed,
        )

    def is_ideal(self, name: str) -> bool:
        """Tell whether one of `IDEALS` holds."""
        return name in self.behaviour.ideal

    def add_vehicle(self, name: str, setting: VehicleSetting) -> None:
        """Add a vehicle of the kind that the simulation's mode has."""
        settings = self.settings
        vehicle = VEHICLES[settings.sim_mode](name, setting, self.world, self.clock.now_ns)
        if isinstance(vehicle, Multirotor):
            vehicle.prepare(settings.origin.Altitude, is_external=settings.physics_is_external)
            vehicle.wind = np.array([settings.wind.X, settings.wind.Y, settings.wind.Z])
        self.vehicles[name] = vehicle
        self.vehicles = dict(sorted(self.vehicles.items()))  # as AirSim keeps them
        self.cameras[name] = build_cameras(vehicle, setting, settings.camera_defaults)
        self._add_body(vehicle)
        self._note_gimbals()

    def _note_gimbals(self) -> None:
        """Note who has gimbals, so that a tick need not look at all cameras."""
        carried = [(self.vehicles[n], list(own.values())) for n, own in self.cameras.items()]
        everyone = [*carried, (None, list(self.external_cameras.values()))]
        self._gimbals = [
            (carrier, list({id(c): c for c in cameras if c.has_gimbal}.values()))
            for carrier, cameras in everyone
            if any(c.has_gimbal for c in cameras)
        ]

    def _choose_default(self) -> str:
        """Return the vehicle that is meant without a name; later ones change nothing."""
        vehicles = self.settings.vehicles
        if self.is_ideal("first-vehicle"):
            return next(iter(vehicles))
        watched = [name for name in self.vehicles if vehicles[name].IsFpvVehicle]
        return watched[-1] if watched else next(iter(self.vehicles))

    def _add_body(self, vehicle: Vehicle) -> None:
        """Give a vehicle what others see of it."""
        if isinstance(vehicle, Multirotor | Car):
            geometry = drone_geometry() if isinstance(vehicle, Multirotor) else car_geometry()
            item = WorldObject(vehicle.name, type(vehicle).__name__, np.zeros(3), movable=False)
            vehicle.body_index = self.renderer.add_body(geometry, item)
            self.segmentation.add(vehicle.name)

    def body_placements(self) -> dict[int, Placement]:
        """Return where the bodies of vehicles are, by object index."""
        return {
            vehicle.body_index: Placement(vehicle.actor.position, vehicle.actor.orientation)
            for vehicle in self.vehicles.values()
            if vehicle.body_index is not None
        }

    @property
    def mode(self) -> str:
        """SimMode: which kind of vehicles there are."""
        return self.settings.sim_mode

    def vehicle(self, name: str, kind: str = "Vehicle Sim-API") -> Vehicle:
        """Return a vehicle; an empty name means the default one.

        Raises:
            LookupError: there is none of that name; the message is AirSim's.
        """
        found = self.vehicles.get(name or self._default_vehicle)
        # In ComputerVision mode only Cosys-AirSim has an API of vehicles.
        has_api = found is not None and (found.has_api or self.dialect == "cosys")
        if found is None or (kind == "Vehicle API" and not has_api):
            raise LookupError(
                f"{kind} for '{name}' is not available. This could either because this is "
                "simulation-only API or this vehicle does not exist"
            )
        return found

    def annotation_layer(self, name: str) -> AnnotationLayer:
        """Return an annotation layer of Cosys-AirSim.

        Raises:
            LookupError: the settings name no such layer.
        """
        if name not in self._annotations:
            raise LookupError(
                f"there is no annotation layer '{name}'; settings.json names them under Annotation"
            )
        return self._annotations[name]

    def cameras_of(self, vehicle: Vehicle) -> dict[str, Camera]:
        """Return a vehicle's cameras by name."""
        return self.cameras[vehicle.name]

    def find_camera(
        self, camera_name: str, vehicle_name: str, external: bool
    ) -> tuple[Vehicle | None, Camera]:
        """Return a camera and what carries it: a vehicle, or None for the world.

        Raises:
            LookupError: there is no such vehicle or camera.
        """
        if external:
            return None, find_camera(self.external_cameras, camera_name)
        vehicle = self.vehicle(vehicle_name)
        return vehicle, find_camera(self.cameras_of(vehicle), camera_name)

    @property
    def object_count(self) -> int:
        """How many object indices there are: meshes, those taken away included."""
        return len(self.renderer.stage.objects)

    @property
    def object_names(self) -> list[str]:
        """Everything `simListSceneObjects` knows; a mesh's place here is its object index."""
        stage = self.renderer.stage
        meshes = ["" if stage.is_hidden(i) else o.name for i, o in enumerate(stage.objects)]
        return [*meshes, *ENGINE_ACTORS]

    def object_index(self, name: str, *, any_case: bool = False) -> int | None:
        """Return the index of a mesh, or None.

        Args:
            name: of the mesh.
            any_case: AirSim keeps the objects that have a pose in a map of Unreal's, whose keys
                heed no case; those that are painted or destroyed are looked for letter by letter.
        """
        stage = self.renderer.stage
        if self._indexed != (len(stage.objects), stage.version):
            self._indexed = (len(stage.objects), stage.version)
            names = {o.name: i for i, o in enumerate(stage.objects) if not stage.is_hidden(i)}
            self._object_index = names
            self._index_of_lower = {known.lower(): i for known, i in names.items()}
        return self._index_of_lower.get(name.lower()) if any_case else self._object_index.get(name)

    def reset(self) -> None:
        """Bring the vehicles back to their start; the rest of the world stays as it is.

        Time goes on, and so does a pause. With the ideal ``full-reset`` objects, weather, light,
        cameras and time go back to the start, too.
        """
        with self.lock:
            full = self.is_ideal("full-reset")
            if full:
                self._reset_world()
            self.clock.restart_world(from_the_start=full)
            for vehicle in self.vehicles.values():
                vehicle.reset(self.clock.now_ns)
                if full:
                    self._add_body(vehicle)
            for camera in self._all_cameras():
                camera.forget_instants()

    def _reset_world(self) -> None:
        self.renderer.reset()
        self.segmentation.keep(len(self.world.objects))
        for camera in self._all_cameras():
            camera.forget()
        self.weather_enabled = False
        self.weather = dict.fromkeys(WeatherParameter, 0.0)
        self._sun, self.sun_brightness = None, 1.0

    def _all_cameras(self) -> list[Camera]:
        mounted = [c for cameras in self.cameras.values() for c in cameras.values()]
        everyone = [*mounted, *self.external_cameras.values()]
        return list({id(camera): camera for camera in everyone}.values())

    def atmosphere(self) -> Atmosphere:
        """Return the light and weather of now."""
        if not self.weather_enabled:
            return Atmosphere(sun_direction=self.sun_direction, sun_brightness=self.sun_brightness)
        weather = self.weather
        return Atmosphere(
            fog=weather[WeatherParameter.Fog],
            rain=weather[WeatherParameter.Rain],
            snow=weather[WeatherParameter.Snow],
            dust=weather[WeatherParameter.Dust],
            falling_leaves=weather[WeatherParameter.MapleLeaf],
            wetness=weather[WeatherParameter.Roadwetness],
            snow_cover=weather[WeatherParameter.RoadSnow],
            leaf_cover=weather[WeatherParameter.RoadLeaf],
            sun_direction=self.sun_direction,
            sun_brightness=self.sun_brightness,
        )

    def set_time_of_day(
        self, enabled: bool, start: str, summer_time: bool, speed: float, interval_s: float
    ) -> None:
        """Let the sun stand where it does at a local time, ``%Y-%m-%d %H:%M:%S``, and go on.

        Args:
            enabled: else the sun goes back to where it was built.
            start: empty for a summer's afternoon.
            summer_time: whether `start` is an hour ahead of the sun.
            speed: celestial seconds a second of simulator time.
            interval_s: simulator seconds between moves of the sun.

        Raises:
            ValueError: the time has another form.
        """
        if not enabled:
            self._sun = None
            return
        moment = (
            datetime.strptime(start, "%Y-%m-%d %H:%M:%S") if start else datetime(2024, 6, 21, 15)
        )
        if summer_time:
            moment -= timedelta(hours=1)
        self._sun = _MovingSun(moment, self.clock.now_ns, speed, interval_s)

    @property
    def sun_direction(self) -> tuple[float, float, float]:
        """Where the sun stands now, see `Atmosphere.sun_direction`."""
        if self._sun is None:
            return AFTERNOON_SUN
        moment = self._sun.moment(max(self._ticked_ns, self._sun.since_ns))
        return sun_direction(moment, self.settings.origin.Latitude)

    def _step(self, count: int, step_ns: int) -> None:
        first_ns = self.clock.now_ns - (count - 1) * step_ns
        for vehicle in self.vehicles.values():
            vehicle.step_physics(count, step_ns, first_ns)

    def tick(self) -> None:
        """Let the game tick once: what is seen moves to where it is."""
        self._ticked_ns = self.clock.now_ns
        for vehicle in self.vehicles.values():
            vehicle.tick(self._ticked_ns)
        for carrier, cameras in self._gimbals:
            stabilize(carrier, cameras)

    def pose_was_set(self, vehicle: Vehicle) -> None:
        """Show a pose at once where that is wished; else the next tick does."""
        if self.is_ideal("immediate-poses"):
            vehicle.tick(self.clock.now_ns)


def sun_direction(moment: datetime, latitude_deg: float) -> tuple[float, float, float]:
    """Return the (3,) NED direction to the sun at a local solar time.

    The usual approximations of declination and hour angle; a degree or two is close enough.
    """
    day = moment.timetuple().tm_yday
    hour = moment.hour + moment.minute / 60 + moment.second / 3600
    declination = -np.radians(23.44) * np.cos(2 * np.pi * (day + 10) / 365)
    turn = np.radians(15.0 * (hour - 12.0))
    latitude = np.radians(latitude_deg)
    up = np.sin(latitude) * np.sin(declination)
    up += np.cos(latitude) * np.cos(declination) * np.cos(turn)
    north = np.cos(latitude) * np.sin(declination)
    north -= np.sin(latitude) * np.cos(declination) * np.cos(turn)
    east = -np.cos(declination) * np.sin(turn)
    return float(north), float(east), float(-up)
