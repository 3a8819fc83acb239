"""RPC methods that draw markers into the view of a person, whom there is none of."""

from __future__ import annotations

from typing import Any

from airseg.simulators.embedded.rpc.rpc_server import PARTLY, rpc
from airseg.simulators.embedded.simulation import Simulation
from airseg.simulators.protocol import Pose, Vector3r

_MARKERS = "accepted; markers are never drawn into images"


class MarkerApi:
    """Markers that are taken and never drawn."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    @rpc("simFlushPersistentMarkers", support=PARTLY, note=_MARKERS)
    def flush_markers(self) -> None:
        """Clear markers; none are ever drawn."""

    @rpc("simPlotPoints", [Vector3r], [float], float, float, bool, support=PARTLY, note=_MARKERS)
    @rpc("simPlotLineStrip", [Vector3r], [float], float, float, bool, support=PARTLY, note=_MARKERS)
    @rpc("simPlotLineList", [Vector3r], [float], float, float, bool, support=PARTLY, note=_MARKERS)
    @rpc(
        "simPlotArrows",
        [Vector3r],
        [Vector3r],
        [float],
        float,
        float,
        float,
        bool,
        support=PARTLY,
        note=_MARKERS,
    )
    @rpc(
        "simPlotStrings",
        [str],
        [Vector3r],
        float,
        [float],
        float,
        support=PARTLY,
        note=_MARKERS,
    )
    @rpc("simPlotTransforms", [Pose], float, float, float, bool, support=PARTLY, note=_MARKERS)
    @rpc(
        "simPlotTransformsWithNames",
        [Pose],
        [str],
        float,
        float,
        float,
        [float],
        float,
        support=PARTLY,
        note=_MARKERS,
    )
    def plot(self, *what: Any) -> None:
        """Take markers that are never drawn."""
