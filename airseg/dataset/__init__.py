"""The dataset file: packing, reading, clips and splits.

In: recordings, and folders of others. Out: one HDF5 file, and frames, clips and exports of it.
"""

from airseg.dataset.reading import Dataset

__all__ = ["Dataset"]
