"""Checks of dataset files: damage, and near-duplicates between splits."""
