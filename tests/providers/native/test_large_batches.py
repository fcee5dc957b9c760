"""A batch too large for one statement is stored by several in one transaction, as if it were one."""

from collections.abc import AsyncIterator

import pytest

from providers.answers import Stored
from providers.errors import Conflict, MemoryDeleted
from providers.native.embedded import EmbeddedServer
from providers.owners import Owner
from providers.postgres.parts import MOST_BYTES
from providers.replica import Replica
from providers.states.clock import new_memory_id
from providers.states.editing import tombstone_for
from providers.types import Deletion, NewMemory
from tests.support.native import open_native_provider
from tests.support.postgres import create_database, drop_database

OWNER = Owner("kannan")
LONG = "tea ".ljust(32_000, "x")
COUNT = 2 * MOST_BYTES // len(LONG) + 10  # three statements


@pytest.fixture
async def provider(postgres_server: EmbeddedServer) -> AsyncIterator[Replica]:
    """A provider without an embedder, on a database of its own."""
    dsn = await create_database(postgres_server)
    async with open_native_provider(dsn) as opened:
        yield opened
    await drop_database(postgres_server, dsn)


async def test_each_memory_has_its_answer(provider: Replica) -> None:
    """In the order of the call, whatever the order in which they are stored; of two with one id the first is kept."""
    ids = [new_memory_id() for _ in range(COUNT)][::-1]
    memories = [NewMemory(owner=OWNER, memory_id=one, content=LONG) for one in ids]
    another = NewMemory(owner=OWNER, memory_id=ids[3], content=f"{LONG[:-1]}y")
    await provider.store(memories[7])
    await provider.store(memories[8])
    await provider.erase(Deletion(owner=OWNER, memory_id=ids[8]))

    answers = await provider.store_many([*memories, another])

    assert isinstance(answers[8], MemoryDeleted)
    assert isinstance(answers[-1], Conflict)
    stored = [answer.id for answer in answers if isinstance(answer, Stored)]
    assert stored == [one for one in ids if one != ids[8]]
    assert (await provider.fetch(OWNER, ids[3])).memory.content == LONG


async def test_states_are_put_as_well(provider: Replica) -> None:
    """Those that meet a tombstone are told so."""
    memories = [NewMemory(owner=OWNER, memory_id=new_memory_id(), content=LONG) for _ in range(COUNT)]
    await provider.store_many(memories)
    states = await provider.snapshots(OWNER)
    last = states[-1]
    await provider.put_many([tombstone_for(last, last.version + 1)])

    answers = await provider.put_many([*states[:-1], last])

    assert answers[:-1] == [None] * (COUNT - 1)
    assert isinstance(answers[-1], MemoryDeleted)
