"""MockMemoryProvider: memories in this process alone, the behaving reference of the protocol."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

from providers.base import MemoryProvider
from providers.types import Host


class MockSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="mock"):
    """Memories in this process alone, gone when it ends: for tests and trials."""

    @asynccontextmanager
    async def open(self, host: Host) -> AsyncIterator[MemoryProvider]:
        """Start empty."""
        raise NotImplementedError
        yield
