"""Video segmentation networks. Build one with `build_model`.

In: frames from 0 to 1, and a memory. Out: logits, and the memory after them.
"""

from airseg.models.registry import build_model, list_models

__all__ = ["build_model", "list_models"]
