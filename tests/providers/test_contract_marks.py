"""What every provider promises of who it is, and of the mark that a chain leaves in it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from observability.secret import Secret
from providers.embedders.settings import NoEmbedderSettings
from providers.errors import InvalidInput
from providers.introduction import StoreMark
from providers.mem0.names import STORE, USERS
from providers.mem0.settings import Mem0Settings
from providers.memory.provider import MockMemoryProvider
from providers.native.embedded import EmbeddedServer
from providers.native.settings import NativeSettings
from providers.owners import Owner
from providers.replica import Replica
from providers.replica_limits import MAX_MARK_ID_CHARS, MAX_MARK_NUMBER
from tests.support import mem0 as fakes
from tests.support.mem0_oss import Mem0Process
from tests.support.native import host_for
from tests.support.opensearch import OpenSearchServer
from tests.support.pinecone.running import DELAY, pinecone_at
from tests.support.pinecone.server import FakePinecone
from tests.support.postgres import create_database, drop_database
from tests.support.redis import RedisServer

Opened = AbstractAsyncContextManager[Replica]
Store = Callable[[], Opened]  # opens another provider on the same store

FIRST = StoreMark(installation="an installation", journal="a journal", epoch=1, number=5, at=1_700_000_000.123456)
SECOND = replace(FIRST, number=6, at=FIRST.at + 1, pending=False)
OTHERS: dict[str, Any] = {
    "installation": "another",
    "journal": "another",
    "epoch": 2,
    "number": 4,
    "at": FIRST.at + 0.000001,
    "pending": False,
}


@asynccontextmanager
async def in_memory() -> AsyncIterator[Store]:
    """A store in memory, whose only provider it is."""
    provider = MockMemoryProvider()

    @asynccontextmanager
    async def opened() -> AsyncIterator[Replica]:
        yield provider

    yield opened


@asynccontextmanager
async def in_postgresql(server: EmbeddedServer) -> AsyncIterator[Store]:
    """A database."""
    dsn = await create_database(server)
    yield lambda: NativeSettings(dsn=Secret(dsn), embedder=NoEmbedderSettings()).open(host_for())
    await drop_database(server, dsn)


@asynccontextmanager
async def in_redis(server: RedisServer) -> AsyncIterator[Store]:
    """A keyspace."""
    settings = server.settings()
    yield lambda: settings.open(host_for())


@asynccontextmanager
async def in_opensearch(server: OpenSearchServer) -> AsyncIterator[Store]:
    """An index."""
    settings = server.settings()
    yield lambda: settings.open(host_for())


@asynccontextmanager
async def in_pinecone() -> AsyncIterator[Store]:
    """An index whose reads are behind."""
    async with FakePinecone(delay=DELAY) as fake:
        settings = pinecone_at(fake.base_url)
        yield lambda: settings.open(host_for())
        assert fake.contract.broken == []


@asynccontextmanager
async def in_mem0(dialect: str) -> AsyncIterator[Store]:
    """A server that speaks a dialect of mem0."""
    async with fakes.SERVERS[dialect]() as server:
        yield lambda: fakes.opened(server.base_url, dialect)


@asynccontextmanager
async def in_the_real_mem0(service: Mem0Process) -> AsyncIterator[Store]:
    """The library of mem0, from which what is ours alone was removed."""
    async with service.client() as client:
        for user in (STORE, USERS):
            assert (await client.delete("/memories", params={"user_id": user})).is_success
    settings = Mem0Settings(base_url=service.base_url, api_key=Secret("key"), dialect="oss")
    yield lambda: settings.open(fakes.host())


@pytest.fixture(scope="module")
async def real_mem0(postgres_server: EmbeddedServer) -> AsyncIterator[Mem0Process]:
    """One process for all tests, which takes seconds to start."""
    dsn = await create_database(postgres_server)
    async with Mem0Process(dsn, api_key="key") as service:
        yield service
    await drop_database(postgres_server, dsn)


STORES = [
    pytest.param(lambda _request: in_memory(), id="mock"),
    pytest.param(lambda request: in_postgresql(request.getfixturevalue("postgres_server")), id="native"),
    pytest.param(
        lambda request: in_redis(request.getfixturevalue("redis_server")), id="redis", marks=pytest.mark.thorough
    ),
    pytest.param(
        lambda request: in_opensearch(request.getfixturevalue("opensearch_server")),
        id="opensearch",
        marks=pytest.mark.thorough,
    ),
    pytest.param(lambda _request: in_pinecone(), id="pinecone", marks=pytest.mark.thorough),
    pytest.param(lambda _request: in_mem0("spec"), id="mem0-spec"),
    pytest.param(lambda _request: in_mem0("oss"), id="mem0-oss"),
    pytest.param(lambda _request: in_mem0("platform"), id="mem0-platform"),
    pytest.param(
        lambda request: in_the_real_mem0(request.getfixturevalue("real_mem0")), id="mem0", marks=pytest.mark.soak
    ),
]


@pytest.fixture(params=STORES)
def made(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Store]:
    """A store that is about to be made; what it needs is running by then."""
    making: AbstractAsyncContextManager[Store] = request.param(request)
    return making


@pytest.fixture
async def store(made: AbstractAsyncContextManager[Store]) -> AsyncIterator[Store]:
    """A store in which there is nothing, to be opened any number of times."""
    async with made as opened:
        yield opened


@pytest.fixture
async def replica(store: Store) -> AsyncIterator[Replica]:
    """A provider on that store."""
    async with store() as provider:
        yield provider


async def mark_in(replica: Replica) -> StoreMark | None:
    """Return the mark that a store tells of now."""
    return (await replica.introduce()).mark


async def test_a_store_without_a_mark_tells_who_it_is(replica: Replica) -> None:
    """The identity is the same as asked for alone, and nothing that only reads leaves a mark."""
    introduction = await replica.introduce()

    assert introduction.identity == await replica.identity() == (await replica.introduce()).identity
    assert introduction.mark is None


async def test_a_mark_is_kept_as_it_is(store: Store, replica: Replica) -> None:
    """Every field of it comes back, also to who opens the store later."""
    identity = await replica.identity()
    assert await replica.leave_mark(FIRST, None) is True

    assert await mark_in(replica) == FIRST
    async with store() as later:
        assert await mark_in(later) == FIRST
        assert await later.identity() == identity


async def test_a_mark_takes_the_place_of_the_former_one(replica: Replica) -> None:
    """Of several marks, one after the other, the last one counts, whatever its number."""
    for former, mark in [(None, FIRST), (FIRST, SECOND), (SECOND, replace(FIRST, epoch=2, number=0))]:
        assert await replica.leave_mark(mark, former) is True
        assert await mark_in(replica) == mark


async def test_a_mark_is_left_once(replica: Replica) -> None:
    """A repetition finds another mark than it expects, which is its own."""
    assert await replica.leave_mark(FIRST, None) is True
    assert await replica.leave_mark(FIRST, None) is False
    assert await mark_in(replica) == FIRST


@pytest.mark.parametrize("field", OTHERS)
async def test_a_mark_does_not_replace_what_it_does_not_expect(replica: Replica, field: str) -> None:
    """Whichever field of the mark there differs from what was expected, it stays."""
    await replica.leave_mark(FIRST, None)

    assert await replica.leave_mark(SECOND, replace(FIRST, **{field: OTHERS[field]})) is False
    assert await replica.leave_mark(SECOND, None) is False
    assert await mark_in(replica) == FIRST


async def test_a_mark_expected_where_none_is_changes_nothing(replica: Replica) -> None:
    """A store that was emptied gets no mark from who believes that it has one."""
    assert await replica.leave_mark(SECOND, FIRST) is False
    assert await mark_in(replica) is None


async def test_a_mark_is_no_memory(replica: Replica, user: str) -> None:
    """It makes nobody a user, and no user meets it among the memories, nor does the health count it."""
    memory_id = await replica.remember(user, FIRST.installation)
    counted = getattr(await replica.health_check(), "total_memories", None)
    await replica.leave_mark(FIRST, None)
    await replica.leave_mark(SECOND, FIRST)

    assert await replica.owners() == [Owner(user)]
    assert [state.id for state in await replica.snapshots(Owner(user))] == [memory_id]
    assert [memory.id for memory in await replica.list_memories(user)] == [memory_id]
    assert [hit.id for hit in await replica.recall(user, FIRST.installation)] == [memory_id]
    assert getattr(await replica.health_check(), "total_memories", None) == counted


async def test_memories_leave_the_mark_alone(replica: Replica, user: str) -> None:
    """A mark is moved by nobody but who leaves another one."""
    await replica.leave_mark(FIRST, None)
    await replica.delete(user, await replica.remember(user, "tea"))

    assert await mark_in(replica) == FIRST


LONGEST = "x" * MAX_MARK_ID_CHARS
UTMOST: list[dict[str, Any]] = [
    {"installation": LONGEST, "journal": LONGEST, "epoch": MAX_MARK_NUMBER, "number": MAX_MARK_NUMBER},
    {"installation": "ä'\"\\😀", "journal": ".", "epoch": 0, "number": 0, "at": 0.0},
]
BEYOND: dict[str, list[Any]] = {
    "installation": [LONGEST + "x", "", "a\0b", "\ud800"],
    "journal": [LONGEST + "x", ""],
    "epoch": [MAX_MARK_NUMBER + 1, -1],
    "number": [MAX_MARK_NUMBER + 1, -1],
    "at": [float("nan"), float("inf")],
}


@pytest.mark.parametrize("fields", UTMOST)
async def test_the_utmost_mark_is_kept(replica: Replica, fields: dict[str, Any]) -> None:
    """Up to its limits every field is kept as it is."""
    mark = replace(FIRST, **fields)

    assert await replica.leave_mark(mark, None) is True
    assert await mark_in(replica) == mark
    assert await replica.leave_mark(SECOND, mark) is True


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in BEYOND.items() for value in values])
async def test_a_mark_beyond_the_limits_is_refused(replica: Replica, field: str, value: object) -> None:
    """What some store could not keep is left in none."""
    with pytest.raises(InvalidInput) as refusal:
        await replica.leave_mark(replace(FIRST, **{field: value}), None)

    assert refusal.value.field == field
    assert await mark_in(replica) is None


async def test_of_marks_left_at_once_one_counts(store: Store) -> None:
    """However many leave one at the same moment, the store tells one of them, and can be marked further."""
    marks = [replace(FIRST, number=number, journal=f"journal {number}") for number in range(8)]
    async with store() as one, store() as other:
        left = await asyncio.gather(*((one, other)[mark.number % 2].leave_mark(mark, None) for mark in marks))
        there = await mark_in(one)

        assert there in [mark for mark, was_left in zip(marks, left, strict=True) if was_left]
        assert await mark_in(other) == there
        assert await other.leave_mark(SECOND, there) is True
        assert await mark_in(one) == SECOND
