"""Recipes: what to train, how, and on what; YAML in, checked values out."""
