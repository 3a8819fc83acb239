"""What a user's settings.json adds to the one that a plan needs: noise, blur, exposure, sensors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from airseg.errors import SettingsError
from airseg.recording.stored.continuing import HARMLESS_SETTINGS
from airseg.simulators.embedded.settings import read_settings


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
            SettingsError: it cannot be read, is no JSON, or has a wrong value.
        """
        values = json.loads(read_settings(path).text)
        return cls(str(path), {k: v for k, v in values.items() if k not in HARMLESS_SETTINGS})

    def text(self) -> str:
        """Return the settings as text, the same for the same settings however they are written."""
        return json.dumps(self.values, sort_keys=True)

    def added_to(self, needed: dict[str, Any]) -> dict[str, Any]:
        """Return the settings of plans with these beside them.

        Objects are joined key by key, and the settings of images by their ``ImageType``.

        Args:
            needed: what `simulator_settings` returns.

        Raises:
            SettingsError: a value is another than a plan needs, or a vehicle is in no plan.
        """
        vehicles = self.values.get("Vehicles", {})
        others = [name for name in vehicles if name not in needed.get("Vehicles", {})]
        if isinstance(vehicles, dict) and others:
            raise SettingsError(
                f"{self.source}: Vehicles: {others[0]} flies in no plan. Leave it out; what flies "
                "beside a vehicle are the plan's companions."
            )
        return self._joined("", needed, self.values)

    def _joined(self, name: str, needed: Any, further: Any) -> Any:
        if isinstance(needed, dict) and isinstance(further, dict):
            both = needed.keys() & further.keys()
            parts = {k: self._joined(f"{name}{k}.", needed[k], further[k]) for k in both}
            return needed | further | parts
        if _is_of_images(needed) and _is_of_images(further):
            kinds = _by_type(needed), _by_type(further)
            return list(self._joined(name, *kinds).values())
        if needed != further:
            raise SettingsError(
                f"{self.source}: {name.rstrip('.')} is {json.dumps(further)[:80]} and the plan "
                f"needs {json.dumps(needed)[:80]}. Leave it out."
            )
        return needed


def _is_of_images(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _by_type(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return entries by what they are of; the last of a kind wins, as in AirSim."""
    return {str(entry.get("ImageType", 0)): entry for entry in entries}
