"""The part of a journal's protocol that tells single numbers."""

from abc import abstractmethod
from typing import Protocol

from providers.owners import Owner


class JournalFacts(Protocol):
    """Tell what the journal's clock says, and the greatest numbers in it."""

    @abstractmethod
    async def moment(self) -> float:
        """Return the seconds since 1970 by the journal's clock, which is the same for all who share the journal."""

    @abstractmethod
    async def last_seq(self) -> int:
        """Return the greatest `seq` ever used, 0 if there was none: what is greater was told by another journal."""

    @abstractmethod
    async def newest_version(self, owner: Owner | None = None) -> int:
        """Return the greatest version in the journal, or of one owner, 0 if there is none.

        Every row, or every one of the owner, may have to be read.
        """
