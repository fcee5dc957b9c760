"""The notes of a journal on how far the patrol is, which one process leaves for the next."""

from abc import abstractmethod
from typing import Protocol


class PatrolNotes(Protocol):
    """The part of a journal that says where the comparison of the stores goes on."""

    @abstractmethod
    async def patrolled(self) -> str | None:
        """Return what was noted last, None if nothing is noted."""

    @abstractmethod
    async def note_patrol(self, reached: str | None) -> None:
        """Note how far the comparison is, None at its end."""
