"""The dataset file: packing, reading, clips and splits."""

from airseg.dataset.reader import Dataset

__all__ = ["Dataset"]
