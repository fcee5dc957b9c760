"""A memory on its way into the table: its state, and what the table holds beside it."""

from datetime import datetime
from functools import cached_property

from msgspec import Struct

from providers.embedders.base import Vector
from providers.native.further import further_of
from providers.native.terms import memory_terms
from providers.search.stored_analysis import analysis_of, packed_analysis
from providers.text.analyzer import Analysis
from providers.types import Snapshot

Key = tuple[str, str]  # user and memory


class Embedding(Struct, frozen=True):
    """One vector float32[dim] and the model that made it; both None where there is no vector.

    While an embedder is exchanged a memory has a second one, of the former model.
    """

    model: str | None = None
    vector: Vector | None = None
    former_model: str | None = None
    former_vector: Vector | None = None

    @property
    def by_model(self) -> dict[str, Vector]:
        """The vectors there are, by the name of their model."""
        pairs = (self.model, self.vector), (self.former_model, self.former_vector)
        return {model: vector for model, vector in pairs if model is not None and vector is not None}


NO_EMBEDDING = Embedding()


class MemoryRow(Struct, frozen=True, kw_only=True, dict=True):
    """A checked state of a memory with its vector; `deleted_at` is the moment at which a tombstone is written."""

    state: Snapshot
    embedding: Embedding = NO_EMBEDDING
    deleted_at: datetime | None = None

    @property
    def further(self) -> str:
        """The text in the column `unknown`."""
        return further_of(self.state)

    @property
    def analysis(self) -> bytes | None:
        """What the analyzer finds in the memory, None for a tombstone."""
        content = self.state.content
        if content is None or self._found is None:
            return None
        return packed_analysis(self._found, content, self.state.speaker)

    @property
    def terms(self) -> bytes | None:
        """The terms that the memory is found by in the database, None for a tombstone."""
        return None if self._found is None else memory_terms(self._found)

    @cached_property
    def _found(self) -> Analysis | None:
        return None if self.state.content is None else analysis_of(self.state.content, self.state.speaker)

    @property
    def key(self) -> Key:
        """The primary key."""
        return key_of(self.state)


def key_of(state: Snapshot) -> Key:
    """Return the primary key of a state."""
    return state.user_id, state.id
