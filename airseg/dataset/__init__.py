"""The dataset file: packing, reading, clips and splits."""

from airseg.dataset.reading import Dataset

__all__ = ["Dataset"]
