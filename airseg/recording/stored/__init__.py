"""The folder of a recording: written so that a kill loses nothing, read, checked, previewed.

In: frames, one after the other. Out: a folder of PNG files and tables, and what is unsound in it.
"""

from airseg.recording.stored.storage import Recording

__all__ = ["Recording"]
