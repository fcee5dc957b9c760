"""A memory on its way into the table: its state, and what the table holds beside it."""

from datetime import datetime

from msgspec import Struct

from providers.embedders.base import Vector
from providers.native.analyzed import AnalyzedMemory
from providers.native.further import further_of
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


class MemoryRow(Struct, frozen=True, kw_only=True):
    """A checked state of a memory with its vector; `deleted_at` is the moment at which a tombstone is written."""

    state: Snapshot
    embedding: Embedding = NO_EMBEDDING
    deleted_at: datetime | None = None

    @property
    def further(self) -> str:
        """The text in the column `unknown`."""
        return further_of(self.state)

    @property
    def analyzed(self) -> AnalyzedMemory | None:
        """What the analyzer finds in the memory, None for a tombstone."""
        state = self.state
        return None if state.content is None else AnalyzedMemory.of(state.content, state.speaker)

    @property
    def key(self) -> Key:
        """The primary key."""
        return key_of(self.state)


def key_of(state: Snapshot) -> Key:
    """Return the primary key of a state."""
    return state.user_id, state.id
