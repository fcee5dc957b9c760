"""The listing of every value of the settings under its path, in a form that may be shown."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import get_type_hints

from msgspec import Struct, structs

from app.settings import annotations
from app.settings.errors import without_password
from app.settings.layers import Steps, dotted
from app.settings.model import Settings
from observability.secret import MASK


class Leaf(Struct, frozen=True):
    """Hold one setting: `value` is JSON, masked if it is a secret, None if it is not set."""

    path: str
    value: object


def leaves(settings: Settings) -> Iterator[Leaf]:
    """Yield every setting, table after table."""
    return _table(settings, ())


def _table(table: Struct, steps: Steps) -> Iterator[Leaf]:
    hints = get_type_hints(type(table), include_extras=True)
    tag = annotations.tag_of(type(table))
    if tag is not None:
        yield Leaf(dotted((*steps, "kind")), tag)
    for field in structs.fields(table):
        yield from _value(getattr(table, field.name), hints[field.name], (*steps, field.name))


def _value(value: object, annotation: object, steps: Steps) -> Iterator[Leaf]:
    if isinstance(value, Struct):
        yield from _table(value, steps)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _value(item, annotations.item_of(annotation, dict), (*steps, name))
    elif isinstance(value, list) and any(isinstance(item, Struct) for item in value):
        for index, item in enumerate(value):
            yield from _value(item, annotation, (*steps, index))
    else:
        yield Leaf(dotted(steps), _presentable(value, masked=annotations.is_masked(annotation)))


def _presentable(value: object, *, masked: bool) -> object:
    if value is None:
        return None
    if masked:
        return MASK
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (str, Path)):
        return without_password(str(value))
    return value
