"""The plain shapes that every Unreal project has, by the names that scripts spawn them under."""

from __future__ import annotations

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import Frame, Geometry, WorldBuilder, srgb

_THIN_M = 0.01
_WHOLE = (1.0, 1.0, 1.0)
_SHAPES: dict[str, tuple[str, tuple[float, float, float]]] = {
    "Cube": ("box", _WHOLE),
    "Sphere": ("ball", _WHOLE),
    "Cylinder": ("drum", _WHOLE),
    "Cone": ("cone", _WHOLE),
    "Plane": ("box", (1.0, 1.0, _THIN_M)),
    "QuadPyramid": ("pyramid", _WHOLE),
    "Wedge_A": ("shed", _WHOLE),
}

BASIC_SHAPES = {
    "1M_Cube": _SHAPES["Cube"],
    "1M_Cube_Chamfer": _SHAPES["Cube"],
    **_SHAPES,
    **{f"Shape_{name}": shape for name, shape in _SHAPES.items()},
}
"""Solid and size, metres, of each: of the engine's BasicShapes and the StarterContent's shapes."""


def basic_shape(name: str) -> Geometry:
    """Return a shape a metre wide, high and long, its middle at the origin.

    Args:
        name: one of `BASIC_SHAPES`.
    """
    solid, size = BASIC_SHAPES[name]
    builder = WorldBuilder("shape", 0)
    shape = builder.add_object("Shape")
    builder.add_part(shape, solid, Frame(), (0, 0, 0), size, srgb(0.6, 0.6, 0.6), m.PLAIN)
    return builder.build().geometry
