"""What a user's settings.json adds to the one that a plan needs: noise, motion blur, exposure.

Nothing stands in it in vain: a setting that the plan decides by another name, that changes nothing
that is recorded, or that nobody knows, is refused, however AirSim would pass it by.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from airseg.errors import SettingsError, did_you_mean
from airseg.recording.flying.views import FIRST_CAMERA
from airseg.recording.stored.continuing import HARMLESS_SETTINGS
from airseg.simulators.embedded.settings import (
    NoiseSetting,
    OriginSetting,
    WindSetting,
    parse_settings,
    read_settings,
)
from airseg.simulators.protocol import ImageType

_ANY = ""
_LIMITS = ("AutoExposureMinBrightness", "AutoExposureMaxBrightness")
_LOOK = ("AutoExposureSpeed", "AutoExposureBias", *_LIMITS, "MotionBlurAmount", "TargetGamma")
_CAMERA: dict[str, Any] = {
    "CaptureSettings": {key: {} for key in _LOOK},
    "NoiseSettings": {key: {} for key in NoiseSetting.model_fields},
}
_MAY_BE_ADDED: dict[str, Any] = {
    "CameraDefaults": _CAMERA,
    "Vehicles": {_ANY: {"Cameras": {_ANY: _CAMERA}}},
    "ClockSpeed": {},
    "OriginGeopoint": {key: {} for key in OriginSetting.model_fields},
    "Wind": {key: {} for key in WindSetting.model_fields},
}
_SAID_BY_PLANS = {
    **dict.fromkeys("XYZ", "camera.position_m"),
    "Pitch": "camera.pitch_deg",
    "TimeOfDay": "time_of_day",
}


@dataclass(frozen=True)
class FurtherSettings:
    """Settings beside those of the plans; they never replace what a plan decides.

    Attributes:
        source: names the file in errors.
        values: what it says, less what only tells where a simulator listens or shows itself.
    """

    source: str
    values: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a settings.json.

        Raises:
            SettingsError: it cannot be read, is no JSON, has a wrong value, or a key twice.
        """

        def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            name, count = Counter(k for k, _ in pairs).most_common(1)[0] if pairs else ("", 1)
            if count > 1:
                raise SettingsError(f"{path}: {name!a} stands twice in one object. Join the two.")
            return dict(pairs)

        values = json.loads(read_settings(path).text, object_pairs_hook=once)
        return cls(str(path), {k: v for k, v in values.items() if k not in HARMLESS_SETTINGS})

    def text(self) -> str:
        """Return the settings as text, the same for the same settings however they are written."""
        return json.dumps(self.values, sort_keys=True) if self.values else ""

    def added_to(self, needed: dict[str, Any]) -> dict[str, Any]:
        """Return the settings of plans with these beside them.

        Objects are joined key by key, and the settings of images by their ``ImageType``. What all
        cameras have by default, those that the plan names have, too: in AirSim the entries with
        their sizes would take its place.

        Args:
            needed: what `simulator_settings` returns.

        Raises:
            SettingsError: a value is another than a plan needs, or does nothing to its recording.
        """
        joined = self._joined("", self._with_first_cameras(needed), self.values, _MAY_BE_ADDED)
        parse_settings(json.dumps(joined), self.source)
        return _with_default_look(joined)

    def refuse_still_air(self, mode: str) -> None:
        """Refuse a wind in which nothing flies: poses that are set stay what they are.

        Args:
            mode: of the flight, see `FlightPlan`.

        Raises:
            SettingsError: there is one.
        """
        if "Wind" in self.values and mode != "step":
            raise SettingsError(
                f"{self.source}: Wind: moves nothing in mode {mode}, which sets poses. Fly with "
                "--mode step, or leave it out."
            )

    def _with_first_cameras(self, needed: dict[str, Any]) -> dict[str, Any]:
        """Return what is needed, with entries for the first cameras that are named here.

        An entry takes the place of the defaults, so that it must have their sizes.
        """
        vehicles = dict(needed.get("Vehicles", {}))
        for name, vehicle in _object(self.values.get("Vehicles")).items():
            if name not in vehicles:
                names = f" Those of the plan: {', '.join(vehicles)}." if vehicles else ""
                raise SettingsError(
                    f"{self.source}: Vehicles: {name!a} is no vehicle that the plan names.{names} "
                    "Leave it out; what is for all cameras stands under CameraDefaults, and what "
                    "flies beside a vehicle are the plan's companions."
                )
            cameras = dict(vehicles[name].get("Cameras", {}))
            for camera in _object(_object(vehicle).get("Cameras")):
                if camera == FIRST_CAMERA:
                    captures = needed["CameraDefaults"]["CaptureSettings"]
                    cameras.setdefault(camera, {"CaptureSettings": captures})
                elif camera not in cameras:
                    raise SettingsError(
                        f"{self.source}: Vehicles.{name}.Cameras: the plan records no camera "
                        f"{camera!a}. Leave it out, or name it under the plan's cameras."
                    )
            vehicles[name] = vehicles[name] | ({"Cameras": cameras} if cameras else {})
        return needed | ({"Vehicles": vehicles} if vehicles else {})

    def _joined(self, name: str, needed: Any, further: Any, may: dict[str, Any]) -> Any:
        """Return what stands at a place; `needed` is None where a plan says nothing there."""
        if isinstance(further, dict) and isinstance(needed, dict | None):
            own = needed or {}
            for key in further:
                if key not in own and key not in may and _ANY not in may:
                    raise self._in_vain(f"{name}{key}", key, may)
            return own | {
                key: self._joined(
                    f"{name}{key}.", own.get(key), value, may.get(key, may.get(_ANY, {}))
                )
                for key, value in further.items()
            }
        if _is_of_images(further) and (needed is None or _is_of_images(needed)):
            return self._joined_images(name, needed or [], further, may)
        if needed is not None and needed != further:
            raise SettingsError(
                f"{self.source}: {name.rstrip('.')} is {json.dumps(further)[:80]} and the plan "
                f"needs {json.dumps(needed)[:80]}. Leave it out."
            )
        return further if needed is None else needed

    def _joined_images(
        self, name: str, needed: list[dict[str, Any]], further: list[Any], may: dict[str, Any]
    ) -> list[dict[str, Any]]:
        found = {_kind(entry): entry for entry in needed}
        for kind in [_kind(entry) for entry in further]:
            if [_kind(entry) for entry in further].count(kind) > 1:
                raise SettingsError(
                    f"{self.source}: {name.rstrip('.')} has two entries of ImageType {kind}, of "
                    "which a simulator takes the last. Join them."
                )
        for entry in further:
            kind, place = _kind(entry), f"{name}{_kind(entry)}."
            # The embedded simulator draws noise, blur and exposure into colour images alone.
            allowed = {"ImageType": {}} | (may if kind == ImageType.Scene else {})
            found[kind] = self._joined(place, found.get(kind), entry, allowed)
            self._refuse_idle(place, entry, is_noise="NoiseSettings." in name)
        return list(found.values())

    def _refuse_idle(self, name: str, entry: dict[str, Any], *, is_noise: bool) -> None:
        """Refuse values that wait for another one, without which they do nothing."""
        limits = [key for key in _LIMITS if key in entry]
        if is_noise and "Enabled" not in entry:
            raise SettingsError(
                f"{self.source}: {name}Enabled is left out, and noise is off unless it is true. "
                "Write true, or false."
            )
        if limits and not entry.get("AutoExposureSpeed"):
            raise SettingsError(
                f"{self.source}: {name}{limits[0]} does nothing while exposure stays as it is. "
                "Write an AutoExposureSpeed above 0 beside it, or leave it out."
            )

    def _in_vain(self, name: str, key: str, may: dict[str, Any]) -> SettingsError:
        name = name if name.isprintable() else ascii(name)
        if key in _SAID_BY_PLANS:
            return SettingsError(
                f"{self.source}: {name}: is for the plan to say: {_SAID_BY_PLANS[key]}. "
                "Leave it out here."
            )
        known = did_you_mean(key, [k for k in may if k], "What may stand there" if may else "")
        return SettingsError(
            f"{self.source}: {name}: is for the plan to decide, or changes nothing that the "
            f"embedded simulator records. Leave it out.{known}"
        )


def _with_default_look(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings in which cameras with entries of their own have the defaults' look, too."""
    defaults = settings["CameraDefaults"]["CaptureSettings"]
    colour = next(entry for entry in defaults if _kind(entry) == ImageType.Scene)
    look = {key: colour[key] for key in _LOOK if key in colour}
    vehicles = {
        name: {
            key: {n: _with_look(camera, look) for n, camera in value.items()}
            if key == "Cameras"
            else value
            for key, value in vehicle.items()
        }
        for name, vehicle in settings.get("Vehicles", {}).items()
    }
    return settings | ({"Vehicles": vehicles} if vehicles else {})


def _with_look(camera: dict[str, Any], look: dict[str, Any]) -> dict[str, Any]:
    captures = [
        look | entry if _kind(entry) == ImageType.Scene else entry
        for entry in camera["CaptureSettings"]
    ]
    return camera | {"CaptureSettings": captures}


def _object(value: Any) -> dict[str, Any]:
    """Return an object; nothing of what is none, which whoever joins refuses."""
    return value if isinstance(value, dict) else {}


def _is_of_images(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _kind(entry: dict[str, Any]) -> Any:
    """Return what an entry is of, as AirSim takes it; in words where that is no number."""
    kind = entry.get("ImageType", 0)
    return kind if isinstance(kind, int) else str(kind)
