"""The dataset file: packing, reading, clips and splits."""

from airseg.dataset.reading.reader import Dataset

__all__ = ["Dataset"]
