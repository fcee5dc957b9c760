"""Vectors beside the states of an owner: the digest of model and text that a vector is of, and it in half precision.

PostgreSQL has vectors in half precision as well, so that both rank alike. A vector counts where the digest is that of
the text as it is read, whoever has changed one of the two meanwhile.
"""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np

from providers.embedders.base import Embedder, Vector
from providers.keyed.vectors import EmbeddedState, MemoryVector, StateVectors
from providers.owners import Owner
from providers.types import Snapshot

NONE = b""
SAME = b"="  # the vector that is there stays
MOST_NOTED = 10_000  # memories without a vector that are noted; where there are more, all are looked through

_DIGEST_BYTES = 16
_HALF = "<f2"
_SINGLE = "<f4"


class OwnerVectors(StateVectors):
    """Make vectors, read and write them as they are stored, and note which memories have none.

    `overflowed` says that so many have none that not all are noted.
    """

    def __init__(self, embedder: Embedder | None) -> None:
        super().__init__(embedder)
        self._noted: dict[Owner, set[str]] = {}
        self._count = 0  # at most as many are noted
        self.overflowed = False

    def stored(self, content: str, vector: MemoryVector | None) -> bytes:
        """Return a vector of a text as it is stored; of a text that its model refuses the digest alone."""
        if vector is None:
            return NONE
        values = b"" if vector.values is None else vector.values.astype(_HALF).tobytes()
        return _digest(vector.model, content) + values

    def counts(self, state: Snapshot, stored: bytes | None) -> bool:
        """Return whether what is stored is of this state and of the model, be it a vector or the refusal of one."""
        if stored is None or self.model is None or state.content is None:
            return False
        return stored[:_DIGEST_BYTES] == _digest(self.model, state.content)

    def read(self, state: Snapshot, stored: bytes | None) -> EmbeddedState:
        """Return a state with what is stored of its vector, as far as it counts."""
        if stored is None or self.model is None or len(stored) == _DIGEST_BYTES or not self.counts(state, stored):
            return EmbeddedState(state, {})
        return EmbeddedState(state, {self.model: _values(stored)})

    def note(self, owner: Owner, ids: Iterable[str]) -> None:
        """Note memories that have no vector."""
        if self.model is None:
            return
        if self._count >= MOST_NOTED:
            self.overflowed = True
            return
        noted = {*ids}
        self._count += len(noted)
        self._noted.setdefault(owner, set()).update(noted)

    def noted(self) -> dict[Owner, set[str]]:
        """Return what was noted, and forget it."""
        noted, self._noted, self._count = self._noted, {}, 0
        return noted


def exact(stored: bytes) -> bytes:
    """Return the vector in what is stored as a vector set takes it, nothing if there is none."""
    return _values(stored).astype(_SINGLE).tobytes()


def single(vector: Vector) -> bytes:
    """Return a vector as a vector set takes it."""
    return vector.astype(_SINGLE).tobytes()


def _values(stored: bytes) -> Vector:
    return np.frombuffer(stored, _HALF, offset=_DIGEST_BYTES).astype(np.float32)


def _digest(model: str, content: str) -> bytes:
    return blake2b(f"{model}\0{content}".encode(), digest_size=_DIGEST_BYTES).digest()
