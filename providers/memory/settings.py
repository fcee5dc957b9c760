"""The settings of the provider in memory, which open it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from providers.host import Host
from providers.kind import ProviderKind
from providers.replica import Replica


class MockSettings(ProviderKind, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="mock"):
    """Memories in this process alone, gone when it ends. Choose it for tests and trials."""

    @asynccontextmanager
    async def open(self, host: Host) -> AsyncIterator[Replica]:
        """Start empty."""
        from providers.memory.provider import MockMemoryProvider

        yield MockMemoryProvider(host.clock, retention=host.retention)
