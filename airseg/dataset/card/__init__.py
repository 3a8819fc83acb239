"""The card of a dataset: a page for people with figures, films and pictures.

In: a dataset file. Out: HTML beside its pictures.
"""
