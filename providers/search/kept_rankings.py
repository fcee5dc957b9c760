"""KeptRankings: what questions of late found in an index, for those who ask the same before anything changes in it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from providers.search.moments import microseconds
from providers.search.questions import Hit, Ordering
from providers.types import RecallQuery

MOST_RANKINGS = 256  # of one index

# About what a hit takes with its id, its numbers and its version, and a ranking without any.
_BYTES_OF_HIT = 450
_BYTES = 500

_KEY_BYTES = 16


class KeptRanking(Struct, frozen=True):
    """The hits, the versions of their memories by id, and whether the ranking is `approximate`, as in `Ranked`.

    It holds from the moment `since` to before `until`, in microseconds: in between no memory expires.
    """

    hits: Sequence[Hit]
    versions: Mapping[str, int]
    approximate: bool
    since: int
    until: int


class KeptRankings:
    """The rankings of one index, the last ones that were asked for.

    They are of one state of it, which the number of its `changes` names: when anything has changed, all is forgotten.
    A copy of an index begins without any. This is used in turns of the event loop alone.
    """

    def __init__(self) -> None:
        self.nbytes = 0
        self._kept: dict[bytes, KeptRanking] = {}
        self._changes = 0

    def __deepcopy__(self, _memo: object) -> Self:
        return type(self)()

    def get(self, changes: int, key: bytes, now: datetime) -> KeptRanking | None:
        """Return the ranking of what `key_of` has named, None if there is none that holds now."""
        if changes != self._changes or key not in self._kept:
            return None
        kept = self._kept.pop(key)
        if not kept.since <= microseconds(now) < kept.until:
            self.nbytes -= _size_of(kept)
            return None
        self._kept[key] = kept  # the last now
        return kept

    def put(self, changes: int, key: bytes, kept: KeptRanking) -> None:
        """Keep a ranking, in the place of the one that was asked for longest ago."""
        if changes != self._changes:
            self.forget()
            self._changes = changes
        if key in self._kept:
            self.nbytes -= _size_of(self._kept.pop(key))
        elif len(self._kept) == MOST_RANKINGS:
            self.nbytes -= _size_of(self._kept.pop(next(iter(self._kept))))
        self._kept[key] = kept
        self.nbytes += _size_of(kept)

    def forget(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self.nbytes = 0


def key_of(query: RecallQuery, ordering: Ordering) -> bytes | None:
    """Return what names a question with all that its ranking depends on beside the index, None if it is not kept.

    By recency each moment has another order, and explanations are long and seldom asked for.
    """
    if query.now is None or query.pending or ordering.recency is not None or ordering.explain:
        return None
    # As text: one value of a filter may be equal to another, as 1 and True are, and yet not mean the same.
    asked = repr((replace(query, now=None, most_bytes=None), ordering.vectors_weight))
    return blake2b(asked.encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES).digest()


def _size_of(kept: KeptRanking) -> int:
    return _BYTES + _BYTES_OF_HIT * len(kept.hits)
