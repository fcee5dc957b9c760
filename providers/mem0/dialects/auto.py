"""The detection of the dialect that a server speaks, at the first call that reaches it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

import structlog

from providers.errors import InvalidInput, Misconfigured
from providers.mem0.dialects.base import Dialect
from providers.mem0.item import Item, Listing

_log = structlog.get_logger(__name__)


class AutoDialect(Dialect):
    """Ask for each dialect's health in turn, and speak the first one that is answered from then on."""

    name: ClassVar[str] = "auto"

    def __init__(self, provider: str, dialects: Sequence[Dialect]) -> None:
        self._provider = provider
        self._dialects = dialects
        self._chosen: Dialect | None = None
        self._choosing = asyncio.Lock()

    @property
    def chosen(self) -> str | None:
        """The dialect that was found, None as long as no server has answered."""
        return None if self._chosen is None else self._chosen.name

    @property
    def staleness(self) -> float:
        """See `Dialect`; the longest of all as long as no server has answered."""
        return max(dialect.staleness for dialect in ([self._chosen] if self._chosen else self._dialects))

    async def add(self, user: str, key: str, text: str, metadata: dict[str, Any]) -> list[str]:
        """See `Dialect`."""
        return await (await self._dialect()).add(user, key, text, metadata)

    async def infer(self, user: str, text: str, metadata: dict[str, Any] | None) -> list[str]:
        """See `Dialect`."""
        return await (await self._dialect()).infer(user, text, metadata)

    async def find(self, users: Sequence[str], key: str) -> list[Item]:
        """See `Dialect`."""
        return await (await self._dialect()).find(users, key)

    async def everything(self, user: str) -> Listing:
        """See `Dialect`."""
        return await (await self._dialect()).everything(user)

    async def search(self, user: str, query: str, top_k: int) -> list[Item]:
        """See `Dialect`."""
        return await (await self._dialect()).search(user, query, top_k)

    async def fetch(self, user: str, item_id: str) -> Item | None:
        """See `Dialect`."""
        return await (await self._dialect()).fetch(user, item_id)

    async def remove(self, user: str, item_id: str) -> None:
        """See `Dialect`."""
        await (await self._dialect()).remove(user, item_id)

    async def ping(self) -> datetime | None:
        """See `Dialect`."""
        return await (await self._dialect()).ping()

    async def _dialect(self) -> Dialect:
        if self._chosen is None:
            async with self._choosing:
                if self._chosen is None:
                    self._chosen = await self._probed()
                    _log.info("mem0_dialect_found", provider=self._provider, dialect=self._chosen.name)
        return self._chosen

    async def _probed(self) -> Dialect:
        """Return the first dialect that is answered.

        Raises:
            Misconfigured: a server answers, but in none of the dialects.
            Unavailable: no server answers now, so that nothing is known.
        """
        refusals: list[str] = []
        for dialect in self._dialects:
            try:
                await dialect.ping()
            except (Misconfigured, InvalidInput) as error:
                refusals.append(f"{dialect.name}: {error}")
            else:
                return dialect
        raise Misconfigured(f"no dialect of mem0 is spoken there; {'; '.join(refusals)}")
