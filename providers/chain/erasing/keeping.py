"""Who keeps the erasures of a chain: its journal, or a file that is made for the first one where there is no journal.

The file is a journal without members. It stands in the data folder and not in the store, because a store that is put
back to an earlier state must not forget whom it has to erase again.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from providers.chain.opening import ErasureSpec
from providers.journal.base import Journal, JournalUnavailable


class ErasureKeeper:
    """Return the journal while there is one and it is trusted, else what the file is to be opened as."""

    def __init__(
        self, spec: ErasureSpec | None, journal: Callable[[], Journal | None], distrust: Callable[[], str | None]
    ) -> None:
        self._spec = spec
        self._journal, self._distrust = journal, distrust
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._file: Journal | None = None

    async def records(self, *, create: bool = True) -> Journal | None:
        """Return who keeps erasures; None if that is nobody yet, and none is to be created.

        Raises:
            JournalUnavailable: the journal may be that of another installation, or the file cannot be opened.
        """
        journal = self._journal()
        if journal is not None:
            if (reason := self._distrust()) is not None:
                raise JournalUnavailable(reason)
            return journal
        return await self.file(create=create)

    async def file(self, *, create: bool = False) -> Journal | None:
        """Return the file, None if there is none and none is to be created.

        Raises:
            JournalUnavailable: it cannot be opened.
        """
        async with self._opening:
            if self._file is None and self._spec is not None and (create or self._spec.exists()):
                self._file = await self._stack.enter_async_context(self._spec.opened())
            return self._file

    async def close(self) -> None:
        """Close the file."""
        await self._stack.aclose()
