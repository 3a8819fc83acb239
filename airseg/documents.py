"""Read YAML documents into pydantic models, with errors that name file, line and field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from airseg import yaml_schema
from airseg.errors import AirsegError, did_you_mean
from airseg.text_files import read_text

_ODD_NUMBER = re.compile(r"[-+]?(0[0-9_]+.*|.*_.*)", re.DOTALL)
Model = TypeVar("Model", bound=BaseModel)


class StrictModel(BaseModel):
    """A document or a part of one: unknown keys are refused, values do not change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_no_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse what is no number where one belongs, though pydantic takes it for one.

        To pydantic true is 1, and the texts ``010`` and ``1_0`` are 10: versions of YAML differ on
        both.
        """
        kinds = _kinds(cls.model_fields[info.field_name or ""].annotation)
        if not kinds & {int, float} or kinds & {bool, Any}:
            return value
        for one in _flattened(value):
            if isinstance(one, bool):
                raise ValueError("expected a number, found true or false")
            if isinstance(one, str) and str not in kinds and _ODD_NUMBER.fullmatch(one.strip()):
                raise ValueError(f"expected a number, found the text '{one.strip()[:40]}'")
        return value


def _flattened(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for one in value:
            yield from _flattened(one)
    else:
        yield value


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
        if mark and "\t" in _indent_of(text, mark.line):
            problem = "a tab indents this line; YAML takes spaces only"
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


def first_complaint(cause: ValidationError, whole: str = "content") -> str:
    """Return the first of pydantic's complaints about what was no text with lines: field and words.

    Args:
        cause: what pydantic raised.
        whole: what to call the thing itself, where no single field is wrong.
    """
    first = cause.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or whole
    return f"{field}: {first['msg'].removeprefix('Value error, ').rstrip('.')}"


def _indent_of(text: str, line: int) -> str:
    lines = text.split("\n")
    found = lines[line] if line < len(lines) else ""
    return found[: len(found) - len(found.lstrip())]


def _explain(cause: ValidationError, source: str, root: yaml.Node, model: type[BaseModel]) -> str:
    """Turn the first of pydantic's complaints into one line."""
    complaints = cause.errors()
    first = complaints[0]
    if first["type"] == "missing":
        first = next((c for c in complaints if _is_misspelt(c, first)), first)
    line, location = _place(root, first["loc"], is_missing=first["type"] == "missing")
    field = ".".join(str(part) for part in location) or "the document"
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    if first["type"] == "extra_forbidden" and location:
        message = "unknown field." + did_you_mean(str(location[-1]), _known_fields(model, location))
    elif first["type"] == "missing":
        message = "required field is missing"
    elif first["type"] != "value_error" and not isinstance(first.get("input"), dict | list):
        message += f", found {first.get('input')!r}"
    more = f" ({len(complaints) - 1} more)" if len(complaints) > 1 else ""
    end = "" if message.endswith(("?", ".")) else "."
    return f"{source}:{line}: {field}: {message}{end}{more}"


def _is_misspelt(complaint: Any, missing: Any) -> bool:
    """Tell whether an unknown field is likely the one that is missing, under a wrong name."""
    if complaint["type"] != "extra_forbidden":
        return False
    return bool(did_you_mean(str(complaint["loc"][-1]), [str(missing["loc"][-1])]))


def _place(node: yaml.Node | None, loc: Any, *, is_missing: bool) -> tuple[int, list[Any]]:
    """Return the line, counted from one, and the keys of the deepest part of pydantic's location.

    Among the keys of the document pydantic lists tags of its own, such as ``function-before``.
    """
    line, location = node.start_mark.line if node else 0, []
    for place, part in enumerate(loc):
        key, value = _child(node, part)
        if key is not None:
            line, node = key.start_mark.line, value
            location.append(part)
        elif is_missing and place == len(loc) - 1:
            location.append(part)
    return line + 1, location


def _child(node: yaml.Node | None, part: Any) -> tuple[yaml.Node | None, yaml.Node | None]:
    """Return the node that says where a part of a node is, and the part; nothing: no such part."""
    if isinstance(node, yaml.MappingNode):
        found = [pair for pair in node.value if pair[0].value == str(part)]
        return found[-1] if found else (None, None)  # a merged key stands before its own
    if not isinstance(node, yaml.SequenceNode) or not isinstance(part, int):
        return None, None
    inside = 0 <= part < len(node.value)
    return (node.value[part], node.value[part]) if inside else (None, None)


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
