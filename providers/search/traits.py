"""The labels of memories and who wrote them, each combination once, since few are shared by very many memories."""

from collections.abc import Callable, Iterable, Iterator
from typing import Self

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from providers.labels import LABELS, Labels
from providers.search.distinct import numbered
from providers.source import WriterWindow, WriteSource

Mask = NDArray[np.bool_]

_BYTES = 400  # of one combination: the objects, their texts, and the way back to their number


class Traits(Struct, frozen=True, kw_only=True):
    """The labels of a memory but for its key, and its source but for the moment; without one it has no `origin`."""

    session: str | None = None
    agent: str | None = None
    app: str | None = None
    speaker: str | None = None
    origin: str | None = None
    caller: str | None = None
    source_key: str | None = None

    @classmethod
    def of(cls, labels: Labels, source: WriteSource | None) -> "Traits":
        """Return the traits of a memory."""
        named = {name: getattr(labels, name) for name in LABELS}
        if source is None:
            return cls(**named)
        return cls(**named, origin=source.origin, caller=source.caller, source_key=source.key)

    def is_of(self, writer: WriterWindow) -> bool:
        """Return whether the writer is this one, whenever it wrote."""
        given = {"caller": self.caller, "key": self.source_key}
        return self.origin is not None and all(given[name] == value for name, value in writer.given.items())


class TraitsTable:
    """Number combinations of traits in the order in which they first come."""

    def __init__(self, traits: Iterable[Traits] = ()) -> None:
        self._all = [*traits]
        self._numbers = {one: number for number, one in enumerate(self._all)}

    def __len__(self) -> int:
        return len(self._all)

    def __deepcopy__(self, _memo: object) -> Self:
        return type(self)(self._all)

    @property
    def nbytes(self) -> int:
        """About the bytes of all combinations."""
        return _BYTES * len(self._all)

    def number(self, traits: Traits) -> int:
        """Return the number of a combination."""
        number = self._numbers.setdefault(traits, len(self._all))
        if number == len(self._all):
            self._all.append(traits)
        return number

    def numbers(self, columns: Iterable[tuple[str | None, ...]], count: int) -> NDArray[np.int32]:
        """Return the numbers of as many combinations, each given as a tuple in the order of the fields."""
        distinct, places = numbered(columns, count)
        named = (dict(zip(Traits.__struct_fields__, values, strict=True)) for values in distinct)
        return np.array([self.number(Traits(**values)) for values in named], np.int32)[places]

    def met(self, test: Callable[[Traits], bool]) -> Iterator[bool]:
        """Yield for each combination whether it meets a test."""
        return map(test, self._all)
