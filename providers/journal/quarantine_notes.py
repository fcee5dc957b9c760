"""The part of a journal that keeps the quarantines for all who share it."""

from abc import abstractmethod
from typing import Protocol


class QuarantineNotes(Protocol):
    """Keep one text, whose meaning the journal does not know."""

    @abstractmethod
    async def quarantines(self) -> str | None:
        """Return the text that was noted last, None if none was."""

    @abstractmethod
    async def note_quarantines(self, text: str, former: str | None) -> bool:
        """Note a text in the place of the `former` one; return False if another one is there."""
