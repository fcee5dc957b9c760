"""Layers of raw values: each value flat under its path, with the source it came from."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct

Steps = tuple[str | int, ...]
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Origin(Struct, frozen=True):
    """Name where a value came from: `name` is the file's path, the variable's name or the option as it is typed."""

    kind: Literal["default", "file", "variable", "option"]
    name: str

    def __str__(self) -> str:
        return self.name


DEFAULT = Origin("default", "default")


class FileReference(Struct, frozen=True):
    """Refer to a file that holds the value, as container platforms mount secrets."""

    path: Path


class RawValue(Struct, frozen=True):
    """Hold one raw value, not yet converted; an empty dict is a table that was opened and left empty."""

    raw: object
    origin: Origin


Layer = Mapping[Steps, RawValue]


def flatten(raw: object, origin: Origin, steps: Steps = ()) -> Layer:
    """Return every value below `raw` under its own path; a list is one value."""
    if not isinstance(raw, dict) or (not raw and steps):
        return {steps: RawValue(raw, origin)}
    layer: dict[Steps, RawValue] = {}
    for key, value in raw.items():
        layer.update(flatten(value, origin, (*steps, key)))
    return layer


def overlay(*layers: Layer) -> Layer:
    """Lay later layers over earlier ones.

    A layer that changes the `kind` of a table replaces the whole table: the values of lower layers are for another
    kind.
    """
    merged: dict[Steps, RawValue] = {}
    for layer in layers:
        for steps, entry in layer.items():
            below = merged.get(steps)
            if steps[-1] == "kind" and below is not None and below.raw != entry.raw:
                table = steps[:-1]
                merged = {path: kept for path, kept in merged.items() if path[: len(table)] != table}
        merged.update(layer)
    return merged


def names_below(layer: Layer, steps: Steps) -> list[str | int]:
    """Return the keys of the table at `steps`, in the order they were written."""
    depth = len(steps)
    return list(dict.fromkeys(path[depth] for path in layer if len(path) > depth and path[:depth] == steps))


def origin_below(layer: Layer, steps: Steps) -> Origin:
    """Return the source of the first value at or below `steps`."""
    found = (entry.origin for path, entry in layer.items() if path[: len(steps)] == steps)
    return next(found, DEFAULT)


def dotted(steps: Steps) -> str:
    """Format a path for people: `providers.native.former_embedders[0].model`."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if _BARE_KEY.fullmatch(step) else json.dumps(step))
    return text


def split_list(text: str) -> list[object]:
    """Parse a list, comma separated or JSON, as a variable holds it; raise `ValueError` if it only starts like JSON."""
    if not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        items: list[object] = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return items
