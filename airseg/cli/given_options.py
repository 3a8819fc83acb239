"""Options that are given as ``NAME=VALUE``, for whoever knows their names."""

from __future__ import annotations

from typing import Any


def parse_options(texts: tuple[str, ...], option: str = "--set") -> dict[str, Any]:
    """Return the options in ``NAME=VALUE`` texts; values are YAML.

    Raises:
        RecipeError: a text has another form.
    """
    import yaml

    from airseg import yaml_schema
    from airseg.errors import RecipeError

    example = "tca_depth=4" if option == "--set" else "timeout_min=60"
    options = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            options[name.removeprefix("model.options.")] = yaml_schema.load(value)
        except (yaml.YAMLError, ValueError, RecursionError):
            equals = ""
        if not equals or not name:
            raise RecipeError(f"{option} {text}: expected NAME=VALUE, such as {example}.")
    return options
