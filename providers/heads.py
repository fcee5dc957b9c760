"""The part of a replica's protocol that is about memories by their ids: one, or many together."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from providers.batches import answer_all
from providers.errors import ProviderError
from providers.owners import Owner
from providers.types import Snapshot

_AT_ONCE = 4  # looks for memories of one batch


class Heads(Protocol):
    """Read states by their ids."""

    @abstractmethod
    async def snapshot(self, owner: Owner, memory_id: str) -> Snapshot | None:
        """Return one memory or its tombstone, None if neither exists."""

    async def heads(self, owner: Owner, memory_ids: Sequence[str]) -> dict[str, Snapshot]:
        """Return up to `MAX_SNAPSHOTS` memories or tombstones by their ids, those that exist; contents may be left out.

        It asks for one after the other, a few at a time, where a store cannot read them together.

        Raises:
            Unavailable: the store does not answer.
        """
        states: dict[str, Snapshot] = {}
        for state in await answer_all(memory_ids, lambda memory_id: self.snapshot(owner, memory_id), _AT_ONCE):
            if isinstance(state, ProviderError):
                raise state
            if state is not None:
                states[state.id] = state
        return states
