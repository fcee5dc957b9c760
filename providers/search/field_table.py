"""The columns of the fields that were asked for last, made of metadata and keys when they are needed."""

from collections import OrderedDict
from collections.abc import Generator, Sequence
from typing import Any, Self

from providers.any_json import decoded
from providers.search.field_columns import FieldColumn
from providers.search.filter_match import ABSENT, found_at
from providers.search.packed_texts import PackedTexts

Path = tuple[str, ...]

KEY: Path = ()  # of the memory, which is no field of its metadata

_MOST_BYTES = 16 * 1024 * 1024  # of all columns of one index, beside those of the question at hand
_STEP = 64  # rows between two turns


class FieldTable:
    """Keep columns by the paths of their fields; a copy of an index begins without any."""

    def __init__(self) -> None:
        self._columns: OrderedDict[Path, FieldColumn] = OrderedDict()

    def __deepcopy__(self, _memo: object) -> Self:
        return type(self)()

    @property
    def nbytes(self) -> int:
        """About the bytes of all columns."""
        return sum(column.nbytes for column in self._columns.values())

    def forget(self) -> None:
        """Forget all columns."""
        self._columns.clear()

    def made(
        self, paths: Sequence[Path], metadata: PackedTexts, keys: PackedTexts, first: int, end: int
    ) -> Generator[None, None, dict[Path, FieldColumn]]:
        """Return columns of these rows at last, made in steps; all columns of one table have the same first row."""
        columns = {path: self._columns.pop(path) if path in self._columns else FieldColumn() for path in paths}
        at = first + min(column.rows for column in columns.values())
        while at < end:
            until = min(at + _STEP, end)
            objects = [decoded(text) if text else None for text in map(metadata.__getitem__, range(at, until))]
            for path, column in columns.items():
                fresh = range(first + column.rows, until)
                if path == KEY:
                    column.extend([_key(keys[row]) for row in fresh])
                else:
                    column.extend([_at(path, objects[row - at]) for row in fresh])
            at = until
            yield
        self._columns.update(columns)
        while len(self._columns) > len(columns) and self.nbytes > _MOST_BYTES:
            self._columns.popitem(last=False)
        return columns


def _key(text: bytes) -> Any:  # noqa: ANN401 - a text, or ABSENT
    return text.decode() if text else ABSENT


def _at(path: Path, metadata: dict[str, Any] | None) -> Any:  # noqa: ANN401 - any JSON value, or ABSENT
    return ABSENT if metadata is None else found_at(path, metadata)
