"""The simulator's world as a plan wants it: cameras, weather, light, and segmentation ids."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from airseg.errors import RpcError, SimulatorError
from airseg.flight.plan import FlightPlan
from airseg.labels.relabel import count_ids
from airseg.recording.flying.mesh_ids import (
    COSYS_NONE,
    COSYS_VERSION,
    IdDecoder,
    Palette,
    assign_ids,
    drifted_ids,
    family_pattern,
    group_meshes,
    measure_palette,
    object_table,
    read_id,
    segmented_names,
    spare_id,
    strayed_groups,
)
from airseg.recording.flying.mounting import mount
from airseg.recording.flying.pinhole import refuse_no_pinhole, refuse_parallel_rays
from airseg.recording.flying.views import View, told_settings
from airseg.recording.stored.storage import ObjectGroup
from airseg.simulators.protocol import WeatherParameter

_REMEASURED = 12
# AirSim's settings of the sun, in the order of `simSetTimeOfDay`'s parameters, and their defaults.
_TIME_OF_DAY = {
    "Enabled": False,
    "StartDateTime": "",
    "StartDateTimeDst": False,
    "CelestialClockSpeed": 1.0,
    "UpdateIntervalSecs": 60.0,
    "MoveSun": True,
}
_PLACES = 24
_POLLS = 25


def prepare_world(client: Any, plan: FlightPlan, views: list[View]) -> None:
    """Set cameras, weather and light.

    Raises:
        SimulatorError: a camera is no pinhole: its lens bends images, or it draws them without
            perspective.
    """
    for view in views:
        mount(client, view)
        refuse_no_pinhole(client, view)
        refuse_parallel_rays(client, view)
    weather = plan.weather.model_dump()
    client.simEnableWeather(any(weather.values()))
    for kind in WeatherParameter:
        if kind != WeatherParameter.Enabled:  # a plan's world has no wet roads and leaves of before
            client.simSetWeatherParameter(int(kind), weather.get(kind.name.lower(), 0.0))
    if plan.time_of_day:
        client.simSetTimeOfDay(True, plan.time_of_day)
    else:
        _restore_time_of_day(client)


def _restore_time_of_day(client: Any) -> None:
    """Let the sun stand where the simulator's settings have it, whatever was flown before.

    A reset leaves it where the last plan put it (AirSim's `reset`).
    """
    own = told_settings(client).get("TimeOfDay")
    own = own if isinstance(own, dict) and own.get("Enabled") is True else {}
    client.simSetTimeOfDay(*(own.get(name, value) for name, value in _TIME_OF_DAY.items()))


class SceneIds:
    """The id of every family of meshes, and the colour that each is drawn in.

    Args:
        client: the simulator, whose ids are set.
        palette: colours of ids; None measures them.
    """

    def __init__(self, client: Any, palette: Palette | None) -> None:
        self._client, self._palette = client, palette
        self._groups: list[tuple[str, tuple[str, ...]]] = []
        self._ids: dict[int, int] = {}
        self._checked = np.zeros(256, np.int64)  # how often each id was measured again
        self._decoder: IdDecoder | None = None
        self._looked = -1

    @property
    def palette(self) -> Palette:
        """Colours of ids."""
        if self._palette is None:
            raise SimulatorError("the colours of segmentation ids are not known yet.")
        return self._palette

    @property
    def sorts(self) -> int:
        """How many things can be drawn, see `count`."""
        return len(self._checked)

    @property
    def meshes(self) -> int:
        """How many meshes have ids."""
        return sum(len(meshes) for _, meshes in self._groups)

    def places(self) -> dict[str, list[float]]:
        """Return where some meshes stand, metres NED, which tells worlds of the same names apart.

        AirSim answers NaN for what has no pose; a simulator without that call tells nothing.
        """
        meshes = sorted(
            mesh for n, (_, group) in enumerate(self._groups) if n in self._ids for mesh in group
        )
        places = {}
        for mesh in meshes[:: max(len(meshes) // _PLACES, 1)][:_PLACES]:
            try:
                position = self._client.simGetObjectPose(mesh).position
            except (RpcError, AttributeError):
                return {}
            place = [round(float(v), 3) for v in (position.x_val, position.y_val, position.z_val)]
            if np.isfinite(place).all():
                places[mesh] = place
        return places

    def table(self) -> tuple[ObjectGroup, ...]:
        """Return the table that goes into the recording."""
        return object_table(self._groups, self._ids, self.palette)

    def warm_up(self) -> None:
        """Do once what takes long the first time: building tables, compiling."""
        known = np.array([[next(iter(self.palette.colors.values()))]], np.uint8)
        self.count(self.decode(known, 0))

    def decode(self, colors: np.ndarray, frame: int) -> np.ndarray:
        """Return (H, W) unsigned: what is drawn in each pixel of an (H, W, 3) uint8 RGB image.

        Raises:
            SimulatorError: a colour belongs to nothing.
        """
        if self._decoder is None:
            given = {0, *self._ids.values()}  # what has another id is nobody's
            own = {n: color for n, color in self.palette.colors.items() if n in given}
            self._decoder = IdDecoder(Palette(own, self.palette.more_of_none))
        return self._decoder.decode(colors, frame)

    def count(self, drawn: np.ndarray) -> np.ndarray:
        """Return (D,) int64, how many pixels show each thing that can be drawn; 0 is none."""
        return count_ids(drawn)

    def raw_ids(self, drawn: np.ndarray) -> np.ndarray:
        """Return (H, W) uint8, the object table's id of what is drawn: here the same."""
        return drawn

    def measure_all(
        self, capture: Callable[[], np.ndarray], progress: Callable[[int, int], None]
    ) -> None:
        """Learn the colours of ids that no family has, too; time must stand still."""
        if not set(range(1, 256)) <= self.palette.colors.keys():
            self._measure(range(1, 256), capture, progress)

    def prepare(
        self,
        go_to_start: Callable[[], None],
        capture: Callable[[], np.ndarray],
        progress: Callable[[int, int], None],
    ) -> None:
        """Set the ids and learn their colours; only the first call does anything.

        Args:
            go_to_start: called with time standing still; puts something in view.
            capture: takes a segmentation image.
            progress: told how many colours are measured, of how many.
        """
        if not self._groups:
            groups = group_meshes(segmented_names(self._client))
            if not groups:
                raise SimulatorError("the simulator lists no objects in its scene.")
            self._ids = assign_ids(self._client, groups)
            self._groups = groups
        if self._palette is None:
            self._client.simPause(True)
            go_to_start()
            self._measure(sorted(self._ids.values()), capture, progress)

    def _measure(
        self,
        ids: Sequence[int],
        capture: Callable[[], np.ndarray],
        progress: Callable[[int, int], None],
    ) -> None:
        spare = spare_id(self._groups)
        ids = [number for number in ids if number != spare] + ([spare] if spare else [])
        palette = measure_palette(self._client, capture, ids, lambda done: progress(done, len(ids)))
        if self._client.getServerVersion() == COSYS_VERSION:
            palette = replace(palette, more_of_none=COSYS_NONE)
        self._palette, self._decoder = palette, None
        assign_ids(self._client, self._groups)
        if spare:
            self._wait_until_shown(capture, np.array(palette.colors[spare], np.uint8))

    def _wait_until_shown(self, capture: Callable[[], np.ndarray], spare: np.ndarray) -> None:
        """Wait until nothing is drawn any more in the colour that everything had before."""
        for _ in range(_POLLS):
            if not (left := int((capture() == spare).all(2).sum())):
                return
        raise SimulatorError(
            f"{left} pixels show meshes whose names the simulator does not list, so that nobody "
            "knows what they are. If settings.json sets MeshNamingMethod, take it out, and restart "
            "the simulator."
        )

    def _pattern(self, number: int) -> str:
        """Return the expression that matches the meshes of a group and no others."""
        return family_pattern(self._groups[number][1])

    def assign_again(self) -> None:
        """Set the ids once more, after a reset or another program that changed some."""
        for number, wanted in self._ids.items():
            self._client.simSetSegmentationObjectID(self._pattern(number), wanted, True)

    def refuse_other_ids(self, span: str) -> None:
        """Raise where two families have not the ids they were given: soon told, and often enough.

        A recorder that measures colours gives everything one id after another, and then sets the
        very ids that another one of the same world has.
        """
        readable = (n for n in self._ids if read_id(self._client, self._groups[n][1][0]) != -1)
        self._refuse_strays({n: self._ids[n] for n in itertools.islice(readable, 2)}, span)

    def recheck(self, capture: Callable[[], np.ndarray], seen: np.ndarray, span: str) -> None:
        """Read an id of every family back, and measure the colours of some that were seen again.

        Each time it is another mesh's: thousands of them would take seconds.

        Args:
            capture: takes a segmentation image; time must stand still.
            seen: (D,) int64, see `count`, of all frames since the last check.
            span: the frames in question, for the message.

        Raises:
            SimulatorError: an id or a colour has changed.
        """
        self._looked += 1
        self._refuse_strays(self._ids, span, self._looked)
        # Those that were measured least, and of these the ones that fill most of the frames.
        order = np.lexsort((-seen, self._checked))
        ids = [int(i) for i in order if i and seen[i]][:_REMEASURED]
        patterns = {i: self._pattern(n) for n, i in self._ids.items()}
        drifted = drifted_ids(self._client, capture, self.palette, ids, patterns)
        self._checked[ids] += 1
        if drifted:
            raise SimulatorError(
                f"{span}: segmentation ids {drifted} are no longer drawn in the colours measured "
                "at the start; these frames may be mislabelled. `airseg verify --repair` cuts "
                "them off."
            )

    def _refuse_strays(self, ids: dict[int, int], span: str, member: int = 0) -> None:
        if strays := strayed_groups(self._client, self._groups, ids, member):
            stray = next(iter(strays.values()))
            raise SimulatorError(
                f"{span}: {stray}. Another program sets ids in this simulator; these frames may "
                "be mislabelled. `airseg verify --repair` cuts them off."
            )
