"""What a setting may be, and what it is by default, in words."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Struct

from app.settings import annotations
from observability.secret import Secret

_WORDS: dict[object, str] = {
    bool: "`true` or `false`",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
    Secret: "a secret",
    datetime: "a date and time with its offset",
}


def values_of(annotation: object) -> str:
    """Return which values an annotation admits, as `a whole number, 1 to 64`."""
    described = annotations.description(annotation)
    if described is not None:
        return described
    inner = _inner(annotation)
    choices = annotations.choices(inner)
    item = annotations.item_of(inner, list)
    if choices:
        return "one of " + ", ".join(f"`{_toml(choice)}`" for choice in choices)
    if item is not None:
        return "a list, each " + ("a table" if annotations.tables(item) else values_of(item))
    return _WORDS[annotations.plain(inner)] + _bounds(inner)


def default_of(field: msgspec.structs.FieldInfo) -> str:
    """Return the default as a configuration file spells it, and otherwise that there is none."""
    if field.required:
        return "must be set"
    value = field.default if field.default is not NODEFAULT else field.default_factory()
    if value is None or value == "":
        return "not set"
    return "depends on the host" if isinstance(value, Path) else f"`{_toml(value)}`"


def _inner(annotation: object) -> object:
    """Return the one member of an optional annotation, with its constraints."""
    plain = annotations.plain(annotation)
    given = [part for part in get_args(plain) if part is not type(None)]
    optional = get_origin(plain) not in (None, list, dict, Annotated, Literal)
    return _inner(given[0]) if optional and len(given) == 1 else annotation


def _bounds(annotation: object) -> str:
    least = most = None
    for meta in (one for one in getattr(annotation, "__metadata__", ()) if isinstance(one, Meta)):
        least = f"{meta.ge:,}" if meta.ge is not None else f"more than {meta.gt:,}" if meta.gt is not None else least
        most = f"{meta.le:,}" if meta.le is not None else most
    if least is None or most is None:
        return ""
    return f", {least} to {most}"


def _toml(value: object) -> str:
    if isinstance(value, Secret):
        return _toml(value.reveal())
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def is_table(annotation: object) -> bool:
    """Return whether the value is a table, or one of several kinds of tables."""
    return bool(annotations.tables(annotation))


def tables_by_name(annotation: object) -> list[type[Struct]]:
    """Return the tables of a dict whose keys are names of the reader's choice; none if it has no tables."""
    item = annotations.item_of(annotation, dict)
    return [] if item is None else annotations.tables(item)
