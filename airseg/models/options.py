"""Whether the options that networks are built with are possible: one wording for all of them."""

from __future__ import annotations

from collections.abc import Collection

from airseg.errors import RecipeError, did_you_mean


def check_at_least(option: str, value: int, least: int) -> None:
    """Raise RecipeError where a number is too small."""
    if value < least:
        raise RecipeError(f"{option} is {value}; it must be {least} or greater.")


def check_share(option: str, value: float) -> None:
    """Raise RecipeError where the share of the past that a mean keeps is none: below 0, or all."""
    if not 0 <= value < 1:
        raise RecipeError(f"{option} is {value}; it must be 0 or greater, and below 1.")


def check_choice(option: str, value: object, choices: Collection[str]) -> None:
    """Raise RecipeError where a word is none of those that an option has."""
    if value not in choices:
        hint = did_you_mean(str(value), choices, "Choices")
        raise RecipeError(f"{option} is '{value}', which is no choice.{hint}")
