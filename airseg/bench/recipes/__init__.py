"""Recipes: what to train, how, and on what; YAML in, checked values out."""

from airseg.bench.recipes.recipe import Recipe, load_recipe

__all__ = ["Recipe", "load_recipe"]
