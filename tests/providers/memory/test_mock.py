"""The mock provider, where the contract of all providers does not reach."""

from pathlib import Path
from uuid import UUID

import msgspec
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from providers.host import Host
from providers.memory.provider import MockMemoryProvider
from providers.memory.settings import MockSettings
from providers.replica import Replica
from providers.states.clock import HybridClock
from tests.support.states import moment_of


async def test_it_needs_no_arguments(user: str) -> None:
    """Made from nothing it is a provider that works."""
    provider = MockMemoryProvider()

    memory_id = await provider.remember(user, "Test memory content", {"category": "test"})

    assert isinstance(provider, Replica)
    assert [hit.id for hit in await provider.recall(user, "test", 5)] == [memory_id]


async def test_opened_it_goes_by_the_clock_of_its_host(tmp_path: Path, user: str) -> None:
    """Versions, and with them moments and ids, come from the clock that the process gives."""
    clock = HybridClock(lambda: 1_700_000_000_000)
    host = Host(name="mock", data_dir=tmp_path, metrics=Metrics(CollectorRegistry()), clock=clock)

    async with MockSettings().open(host) as provider:
        memory_id = await provider.remember(user, "tea")
        memory = await provider.get(user, memory_id)

    assert memory.created_at == moment_of(1_700_000_000_000 << 16)
    assert UUID(memory_id).int >> 80 == 1_700_000_000_000


async def test_every_opening_starts_empty(tmp_path: Path, user: str) -> None:
    """Two providers opened from the same settings share nothing."""
    host = Host(name="mock", data_dir=tmp_path, metrics=Metrics(CollectorRegistry()), clock=HybridClock())

    async with MockSettings().open(host) as one, MockSettings().open(host) as other:
        await one.remember(user, "tea")

        assert await other.list_memories(user) == []
        assert await one.identity() != await other.identity()


async def test_health_counts_the_memories_of_all_users(user: str, stranger: str) -> None:
    """Health tells how many memories there are, deleted ones left out."""
    provider = MockMemoryProvider()
    for name in (user, stranger):
        await provider.remember(name, "tea")
    await provider.delete(user, await provider.remember(user, "tea"))

    assert msgspec.to_builtins(await provider.health_check()) == {
        "healthy": True,
        "provider": "MockMemoryProvider",
        "total_memories": 2,
    }
