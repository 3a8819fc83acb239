"""Recordings: crash-safe folders of frames, and the recorder that fills them."""
