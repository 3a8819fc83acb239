"""Dataset files written in the layouts that other programs read."""
