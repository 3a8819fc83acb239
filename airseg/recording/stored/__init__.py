"""The folder of a recording: written so that a kill loses nothing, read, checked, previewed."""
