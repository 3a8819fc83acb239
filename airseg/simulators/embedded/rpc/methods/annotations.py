"""RPC methods of Cosys-AirSim's annotation layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airseg.simulators.embedded.rpc.rpc_server import rpc
from airseg.simulators.embedded.sensing.annotation_layers import AnnotationLayer
from airseg.simulators.embedded.simulation import Simulation
from airseg.simulators.protocol import ImageRequest


@dataclass
class LayeredRequest(ImageRequest):
    """An image request that may name a layer, for the image type Annotation."""

    annotation_name: str = ""


class AnnotationApi:
    """Colours, numbers and values of objects in layers that the settings name."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    @rpc("simListAnnotationObjects", str)
    def objects(self, layer: str) -> list[str]:
        """Return the names of a layer's objects."""
        return self._layer(layer).annotated()

    @rpc("simSetAnnotationObjectID", str, str, int, bool)
    def set_id(self, layer: str, mesh: str, number: int, is_regex: bool) -> bool:
        """Give a mesh, or all that match, the colour of a place in the list of colours."""
        return self._layer(layer).set_id(mesh, number, is_regex=is_regex)

    @rpc("simGetAnnotationObjectID", str, str)
    def get_id(self, layer: str, mesh: str) -> int:
        """Return a mesh's place in the list of colours, or -1."""
        return self._layer(layer).id_of(mesh)

    @rpc("simSetAnnotationObjectColor", str, str, int, int, int, bool)
    def set_color(
        self, layer: str, mesh: str, red: int, green: int, blue: int, is_regex: bool
    ) -> bool:
        """Give a mesh, or all that match, a colour."""
        return self._layer(layer).set_color(mesh, (red, green, blue), is_regex=is_regex)

    @rpc("simGetAnnotationObjectColor", str, str)
    def get_color(self, layer: str, mesh: str) -> str:
        """Return a mesh's colour as ``R,G,B``, or an empty text."""
        color = self._layer(layer).color_of(mesh)
        return "" if color is None else ",".join(str(channel) for channel in color)

    @rpc("simSetAnnotationObjectValue", str, str, float, bool)
    def set_value(self, layer: str, mesh: str, value: float, is_regex: bool) -> bool:
        """Give a mesh, or all that match, a grey value from 0 to 1."""
        if not 0 <= value <= 1:
            raise ValueError(f"a grey value of {value} is not between 0 and 1")
        grey = round(255 * value)
        return self._layer(layer).set_color(mesh, (grey, grey, grey), is_regex=is_regex)

    @rpc("simGetAnnotationObjectValue", str, str)
    def get_value(self, layer: str, mesh: str) -> float:
        """Return a mesh's grey value, or 0."""
        color = self._layer(layer).color_of(mesh)
        return 0.0 if color is None else color[0] / 255

    def _layer(self, name: str) -> AnnotationLayer:
        return self._simulation.annotation_layer(name)


def layered(function: Any) -> Any:
    """Return `simGetImage` of an API, as Cosys-AirSim calls it: with the name of a layer."""

    def image(camera: str, image_type: int, vehicle: str, layer: str) -> bytes:
        request = LayeredRequest(camera, image_type, False, True, layer)
        return function([request], vehicle)[0].image_data_uint8

    return image
