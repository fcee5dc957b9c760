"""The protocol of a dialect: a handful of calls, on which the provider's promises are built."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Protocol

from providers.mem0.item import Item, Listing

# How often a list is read anew from which something was deleted between two pages: what stood behind it has moved up,
# perhaps onto a page that was read before.
MAX_FRESH_STARTS = 3


class Dialect(Protocol):
    """The calls of one API. `user` is mem0's name of a user (`providers/mem0/names.py`), `key` the id of a memory.

    Every method raises the errors of `HttpClient.send`.
    """

    name: ClassVar[str]

    @property
    def staleness(self) -> float:
        """The seconds for which reads may not show yet what was stored or deleted, unless an operator knows better."""
        return 0.0

    @abstractmethod
    async def add(self, user: str, key: str, text: str, metadata: dict[str, Any]) -> list[str]:
        """Store one text as it is, to be found by its key, and return mem0's id of it."""

    @abstractmethod
    async def infer(self, user: str, text: str, metadata: dict[str, Any] | None) -> list[str]:
        """Let mem0 take what it finds worth keeping out of a text, and return its ids; there may be none."""

    @abstractmethod
    async def find(self, users: Sequence[str], key: str) -> list[Item]:
        """Return everything that was stored under a key for any of these users."""

    @abstractmethod
    async def everything(self, user: str) -> Listing:
        """Return everything that mem0 can list of a user, in no particular order."""

    @abstractmethod
    async def search(self, user: str, query: str, top_k: int) -> list[Item]:
        """Return the nearest of a user, best first, each with its score."""

    @abstractmethod
    async def fetch(self, user: str, item_id: str) -> Item | None:
        """Return the item with this id at mem0, whichever user it belongs to."""

    @abstractmethod
    async def remove(self, user: str, item_id: str) -> None:
        """Delete the item with this id at mem0; one that is gone already is no error."""

    @abstractmethod
    async def ping(self) -> datetime | None:
        """Make the cheapest call that proves key and store, and return what the server's clock said."""
