"""What may stand where a value is none of a few: the choices that a type has at a place."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from msgspec import inspect

_TOKEN = re.compile(r"\.(?P<field>[^.\[]+)|\[[^\]]*\]")
_REFUSED = re.compile(r"Invalid enum value (?P<value>.*)", re.DOTALL)


def with_choices(said: str, into: Any, path: str = "") -> str:  # noqa: ANN401 - any type that msgspec knows
    """Name the choices in what msgspec said of a value that is none of them; leave anything else as it is.

    `path` leads to the value from `into`, as msgspec writes it: `.memories[1].origin`.
    """
    refused = _REFUSED.fullmatch(said)
    if refused is None:
        return said
    found = [_described(into)]
    for token in _TOKEN.finditer(path):
        found = [inner for one in found for inner in _inside(one, token["field"])]
    choices = dict.fromkeys(choice for one in found for choice in _choices(one))
    if not choices:
        return said
    known = ", ".join(map(str, choices))
    return f"must be {'one of ' if len(choices) > 1 else ''}{known}, got {refused['value']}"


@lru_cache(maxsize=64)
def _described(into: Any) -> inspect.Type:  # noqa: ANN401 - as above
    return inspect.type_info(into)


def _inside(one: inspect.Type, field: str | None) -> Iterator[inspect.Type]:
    """Yield the types of a field of an object, or of the items of an array or of free JSON."""
    for known in _alternatives(one):
        if isinstance(known, inspect.StructType) and field is not None:
            yield from (inner.type for inner in known.fields if inner.encode_name == field)
        elif isinstance(known, inspect.CollectionType) and field is None:
            yield known.item_type
        elif isinstance(known, inspect.DictType):
            yield known.value_type


def _choices(one: inspect.Type) -> Iterator[object]:
    for known in _alternatives(one):
        if isinstance(known, inspect.LiteralType):
            yield from known.values
        elif isinstance(known, inspect.EnumType):
            yield from (member.value for member in known.cls)


def _alternatives(one: inspect.Type) -> Iterator[inspect.Type]:
    """Yield the members of a union, or the type itself, without what is only said about it."""
    if isinstance(one, inspect.Metadata):
        yield from _alternatives(one.type)
    elif isinstance(one, inspect.UnionType):
        for member in one.types:
            yield from _alternatives(member)
    else:
        yield one
