"""Decoding of layers into structs: every table is matched with its struct, every value with its field's type.

msgspec itself would decode a whole tree at once, but it forgets the names inside a dict (`$[...]`), and reads text
from variables as leniently as typed values from a file.
"""

from collections.abc import Mapping
from typing import TypeVar, get_args, get_type_hints

from msgspec import Struct, structs

from app.settings import annotations
from app.settings.errors import ConfigError, quoted, shown, suggestion
from app.settings.layers import Layer, Origin, RawValue, Steps, dotted, flatten, names_below, origin_below
from app.settings.values import convert, listed

_T = TypeVar("_T", bound=Struct)


def decode(table: type[_T], layer: Layer) -> tuple[_T, Mapping[str, Origin]]:
    """Return the struct, and by path the origin of each value that was set; raise `ConfigError` if one does not fit."""
    decoder = _Decoder(layer)
    return decoder.struct(table, ()), decoder.origins


class _Decoder:
    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self.origins: dict[str, Origin] = {}

    def struct(self, table: type[_T], steps: Steps) -> _T:
        hints = get_type_hints(table, include_extras=True)
        self._refuse_unknown(table, steps)
        given = names_below(self._layer, steps)
        values: dict[str, object] = {}
        for field in structs.fields(table):
            if field.name in given:
                values[field.name] = self._value(hints[field.name], (*steps, field.name))
            elif field.required:
                raise self._error(f"missing key {quoted([field.name])}", steps)
        try:
            return table(**values)
        except ValueError as error:  # values that contradict each other, as the struct itself checks
            raise self._error(str(error), steps) from None

    def _value(self, annotation: object, steps: Steps) -> object:
        item = annotations.item_of(annotation, list)
        if annotations.tables(annotation):
            return self._table(annotation, steps)
        if annotations.item_of(annotation, dict) is not None:
            return self._named(annotation, steps)
        self._refuse_table(steps)
        entry = self._layer[steps]
        if item is not None and annotations.tables(item):
            return self._listed(item, entry, steps)
        self.origins[dotted(steps)] = entry.origin
        return convert(annotation, entry, steps)

    def _table(self, annotation: object, steps: Steps) -> Struct:
        self._refuse_value(steps)
        tables = {annotations.tag_of(table): table for table in annotations.tables(annotation)}
        if None in tables:
            return self.struct(tables[None], steps)
        where = (*steps, "kind")
        entry = self._layer.get(where)
        if entry is None:
            raise self._error(f'missing key "kind", one of {quoted(tables)}', steps)
        if not isinstance(entry.raw, str) or entry.raw not in tables:
            raise self._error(f"expected one of {quoted(tables)}, got {shown(entry.raw)}", where)
        self.origins[dotted(where)] = entry.origin
        return self.struct(tables[entry.raw], steps)

    def _named(self, annotation: object, steps: Steps) -> dict[str, object]:
        self._refuse_value(steps)
        key_type, item = get_args(annotations.plain(annotation))
        values: dict[str, object] = {}
        for name in names_below(self._layer, steps):
            here = (*steps, name)
            convert(key_type, RawValue(name, origin_below(self._layer, here)), here)
            values[str(name)] = self._value(item, here)
        return values

    def _listed(self, item: object, entry: RawValue, steps: Steps) -> list[object]:
        rows = listed(entry, steps)
        if not rows:
            self.origins[dotted(steps)] = entry.origin
        for index, row in enumerate(rows):
            self._layer = {**self._layer, **flatten(row, entry.origin, (*steps, index))}
        return [self._value(item, (*steps, index)) for index in range(len(rows))]

    def _refuse_unknown(self, table: type[Struct], steps: Steps) -> None:
        known = [field.name for field in structs.fields(table)]
        tag = table.__struct_config__.tag_field
        for name in names_below(self._layer, steps):
            if name not in known and name != tag:
                raise self._error(f"unknown key, {suggestion(str(name), known)}", (*steps, name))

    def _refuse_value(self, steps: Steps) -> None:
        """Refuse a value where a table belongs; do not show it, because it may be a misplaced secret."""
        entry = self._layer.get(steps)
        if entry is not None and entry.raw != {}:
            raise ConfigError("expected a table, got a value", steps=steps, origin=entry.origin)

    def _error(self, reason: str, steps: Steps) -> ConfigError:
        return ConfigError(reason, steps=steps, origin=origin_below(self._layer, steps))

    def _refuse_table(self, steps: Steps) -> None:
        below = {path: entry for path, entry in self._layer.items() if path[: len(steps)] == steps and path != steps}
        empty = self._layer.get(steps)
        if below or (empty is not None and empty.raw == {}):
            origin = origin_below(below or self._layer, steps)
            raise ConfigError("expected a value, got a table", steps=steps, origin=origin)
