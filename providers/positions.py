"""Places in lists: the order in which memories are listed, and where a list goes on."""

from datetime import datetime
from typing import Annotated, Literal, Protocol

from msgspec import Meta, Struct

Order = Literal["newest", "oldest"]  # which memory of a list comes first
Place = tuple[datetime, int, str]  # in a list, which is in the order of these


class Placed(Protocol):
    """Whatever has a place in a list."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def created_at(self) -> datetime:
        """Its moment."""

    @property
    def place(self) -> Place:
        """What orders it."""


class Position(Struct, frozen=True, array_like=True):
    """A place in a user's list: that of the last memory already seen.

    Without a `first_version` it comes from a version that did not know that, which listed what was created at the same
    moment by id, from newest to oldest.
    """

    created_at: Annotated[datetime, Meta(tz=True)]
    memory_id: str
    first_version: int | None = None

    def is_before(self, record: Placed, order: Order = "newest") -> bool:
        """Return whether a memory stands behind this place in a list."""
        memory_id = self.memory_id.lower()
        if self.first_version is None:
            return (record.created_at, record.id) < (self.created_at, memory_id)
        place = self.created_at, self.first_version, memory_id
        return record.place < place if order == "newest" else record.place > place
