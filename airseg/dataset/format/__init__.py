"""The HDF5 file itself: its schema, attributes, chunks and checksums, and how it is published.

The chunk reader is `chunks`; the format is told in `docs/dataset-format.md`.
"""
