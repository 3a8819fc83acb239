"""Datasets of others, one file a published layout: folders in, sources to pack out."""
