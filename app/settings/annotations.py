"""The parts of a type annotation of the settings: its members, items, choices and constraints."""

from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

from msgspec import Meta, Struct

from observability.secret import Secret


def plain(annotation: object) -> object:
    """Return the type without its constraints."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def members(annotation: object) -> list[object]:
    """Return the types of a union without None; any other type is a union of one."""
    kind = plain(annotation)
    parts = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return [plain(part) for part in parts if part is not NoneType]


def tables(annotation: object) -> list[type[Struct]]:
    """Return the structs that a table may be decoded into; none when the value is not a table."""
    return [part for part in members(annotation) if isinstance(part, type) and issubclass(part, Struct)]


def item_of(annotation: object, container: type) -> object | None:
    """Return the type of the items if the annotation is such a container (dict: of its values)."""
    kind = plain(annotation)
    return get_args(kind)[-1] if get_origin(kind) is container else None


def choices(annotation: object) -> tuple[object, ...]:
    """Return the values of a Literal; none when any value is allowed."""
    kind = plain(annotation)
    return get_args(kind) if get_origin(kind) is Literal else ()


def tag_of(table: type[Struct]) -> object:
    """Return the `kind` that chooses this struct, None when there is no choice."""
    return table.__struct_config__.tag


def is_secret(annotation: object) -> bool:
    """Return whether the value is held in a Secret."""
    return Secret in members(annotation)


def is_masked(annotation: object) -> bool:
    """Return whether the value must not be shown."""
    return is_secret(annotation) or any((meta.extra or {}).get("masked") for meta in _metas(annotation))


def description(annotation: object) -> str | None:
    """Return the description of what is expected, where the type has its own."""
    return next((meta.description for meta in _metas(annotation) if meta.description), None)


def _metas(annotation: object) -> list[Meta]:
    notes = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return [note for note in notes if isinstance(note, Meta)]
