"""Read YAML documents into pydantic models, with errors that name file, line and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from airseg import yaml_schema
from airseg.errors import AirsegError, did_you_mean
from airseg.text_files import read_text

Model = TypeVar("Model", bound=BaseModel)


class StrictModel(BaseModel):
    """A document or a part of one: unknown keys are refused, values do not change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_truth(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true and false where a number belongs: pydantic takes them for 1 and 0."""
        kinds = _kinds(cls.model_fields[info.field_name or ""].annotation)
        if _has_truth(value) and kinds & {int, float} and not kinds & {bool, Any}:
            raise ValueError("expected a number, found true or false")
        return value


def _has_truth(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_truth, value))
    return isinstance(value, bool)


def _kinds(annotation: Any) -> set[Any]:
    """Return the types that an annotation is made of."""
    inner = get_args(annotation)
    if inner:
        return set().union(*map(_kinds, inner))
    return {annotation} if isinstance(annotation, type) or annotation is Any else set()


def load_document(path: Path, model: type[Model], error: type[AirsegError]) -> Model:
    """Read and check one YAML file.

    Args:
        path: the file.
        model: the pydantic model it must fit.
        error: what to raise when it does not.

    Raises:
        error: one line that names the file, the line and the field at fault.
    """
    return parse_document(read_text(path, error), str(path), model, error)


def parse_document(text: str, source: str, model: type[Model], error: type[AirsegError]) -> Model:
    """Check one YAML text; `source` names it in errors. See `load_document`."""
    try:
        root, data = yaml_schema.compose(text)
    except yaml.YAMLError as cause:
        mark = getattr(cause, "problem_mark", None)
        where = f"{source}:{mark.line + 1}" if mark else source
        problem = getattr(cause, "problem", None) or str(cause).splitlines()[0]
        raise error(f"{where}: not valid YAML: {problem}.") from None
    except (ValueError, RecursionError, TypeError) as cause:
        raise error(f"{source}: not valid YAML: {cause}.") from None
    if not isinstance(data, dict):
        found = "nothing" if data is None else f"a {type(data).__name__}"
        raise error(f"{source}: expected a mapping of fields, found {found}.")
    try:
        return model.model_validate(data)
    except ValidationError as cause:
        raise error(_explain(cause, source, root, model)) from None  # type: ignore[arg-type]


def _explain(cause: ValidationError, source: str, root: yaml.Node, model: type[BaseModel]) -> str:
    """Turn the first of pydantic's complaints into one line."""
    complaints = cause.errors()
    first = complaints[0]
    location = [part for part in first["loc"] if _is_in_document(part, first)]
    field = ".".join(str(part) for part in location) or "the document"
    line = _line_of(root, location)
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    if first["type"] == "extra_forbidden":
        message = "unknown field." + did_you_mean(str(location[-1]), _known_fields(model, location))
    elif first["type"] == "missing":
        message = "required field is missing"
    elif first["type"] != "value_error" and not isinstance(first.get("input"), dict | list):
        message += f", found {first.get('input')!r}"
    more = f" ({len(complaints) - 1} more)" if len(complaints) > 1 else ""
    end = "" if message.endswith(("?", ".")) else "."
    return f"{source}:{line}: {field}: {message}{end}{more}"


def _is_in_document(part: Any, complaint: Any) -> bool:
    """Tell whether a part of pydantic's location is a key of the document, not a union's tag."""
    return not (isinstance(part, str) and ("[" in part or part.startswith("function-")))


def _line_of(node: yaml.Node | None, location: list[Any]) -> int:
    """Return the line, counted from one, of the deepest part of `location` that exists."""
    line = node.start_mark.line if node else 0
    for part in location:
        child = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    line, child = key.start_mark.line, value
        elif (
            isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value)
        ):
            child = node.value[part]
            line = child.start_mark.line
        if child is None:
            break
        node = child
    return line + 1


def _known_fields(model: type[BaseModel], location: list[Any]) -> list[str]:
    """Return the field names of the model that the last part of `location` was meant for."""
    current: Any = model
    for part in location[:-1]:
        fields = getattr(current, "model_fields", {})
        if part in fields:
            current = _inner_model(fields[part].annotation)
        elif not isinstance(part, int):
            return []
    fields = getattr(current, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def _inner_model(annotation: Any) -> Any:
    """Return the first pydantic model inside a type such as ``list[Waypoint] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _inner_model(argument)
        if found is not None:
            return found
    return None
