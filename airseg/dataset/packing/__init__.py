"""Packing: recordings and folders in, one dataset file (or folders of labels) out."""
