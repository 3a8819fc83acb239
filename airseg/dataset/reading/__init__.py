"""Reading: a dataset file or an index in; frames, clips and batches of clips out."""

from airseg.dataset.reading.reader import Dataset, SequenceView

__all__ = ["Dataset", "SequenceView"]
