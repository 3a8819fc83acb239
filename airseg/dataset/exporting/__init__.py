"""Datasets for other programs: folders, films, Parquet, metadata."""
