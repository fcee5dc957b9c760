"""The part of a journal's protocol that is about given memories: what it still knows of each."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

from providers.journal.operations import JournalEntry
from providers.owners import Owner


class KnownMemories(Protocol):
    """Tell what is known of an owner's memories, confirmed everywhere or not."""

    @abstractmethod
    async def deleted(self, owner: Owner, memory_ids: Sequence[str]) -> set[str]:
        """Return those of a user's memories whose tombstone is retained."""

    @abstractmethod
    async def newest(self, owner: Owner, memory_id: str) -> JournalEntry | None:
        """Return what the journal still knows of one memory, confirmed everywhere or not."""

    @abstractmethod
    async def newest_of(self, owner: Owner, memory_ids: Sequence[str]) -> dict[str, JournalEntry]:
        """Return what the journal still knows of some of an owner's memories, by their ids; see `newest`."""

    @abstractmethod
    async def undelivered(self, owner: Owner, memory_id: str) -> Mapping[int, frozenset[str]]:
        """Return the versions of one memory that are pending or leased, each with the providers that it goes to.

        Superseded versions are among them. Dead letters are not: nobody delivers those.
        """
