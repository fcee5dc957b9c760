"""All memories of a user as arrays, in the form in which a store sends them, from which an index is built at once."""

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray


class PackedVectors(Struct, frozen=True):
    """Some memories' vectors in one model, [n, dim] of unit length, and the places of those memories."""

    model: str
    places: NDArray[np.int64]
    vectors: NDArray[np.float32] | NDArray[np.float16]


class PackedMemories(Struct, frozen=True, kw_only=True):
    """What a ranking looks at of each memory; `Entry` says what the columns are.

    `ids` are 16 bytes each, `created` and `expires` microseconds since 1970, `moments.NEVER` without an expiry.
    `analyses` are those of `stored_analysis`, one after the other, with their `lengths` in bytes, and so is
    the `metadata`. `traits` are the fields of `Traits`, and `written` the moments of the sources, `NO_MOMENT` without
    one. Vectors are made as they are read, so that only some of them are there twice.
    """

    ids: bytes
    version: NDArray[np.int64]
    first_version: NDArray[np.int64]
    created: NDArray[np.int64]
    expires: NDArray[np.int64]
    analyses: bytes
    lengths: NDArray[np.int64]
    sessions: Sequence[str | None]
    metadata: bytes
    metadata_lengths: NDArray[np.int64]
    keys: Sequence[str | None]
    traits: Iterable[tuple[str | None, ...]]
    written: NDArray[np.int64]
    vectors: Iterable[PackedVectors] = ()
