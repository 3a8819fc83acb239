"""The card of a dataset: what is in it, told with figures and pictures."""
