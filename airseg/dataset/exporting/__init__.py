"""Datasets for other programs: folders, films, Parquet, metadata.

In: a dataset file. Out: files in the layouts that others read.
"""
