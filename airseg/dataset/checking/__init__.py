"""Checks of dataset files: damage, and near-duplicates between splits.

In: a file. Out: what is damaged in it, and how alike its splits are.
"""
