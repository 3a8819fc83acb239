"""Video segmentation networks. Build one with `build_model`."""

from airseg.models.registry import build_model, list_models

__all__ = ["build_model", "list_models"]
