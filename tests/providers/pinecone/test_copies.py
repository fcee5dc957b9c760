"""Copies of states: in pieces where they are long, of several the one that counts, and none for longer than needed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from providers.errors import MemoryDeleted, MemoryNotFound
from providers.limits import MAX_CONTENT_CHARS
from providers.owners import Owner
from providers.pinecone.namespaces import MAX_NAMESPACE_CHARS, Namespaces
from providers.pinecone.opening import open_pinecone
from providers.pinecone.records import CHUNK_BYTES, copies_in, name_of, record_named, records_of, whole_copies
from providers.pinecone.settings import PineconeSettings
from providers.replica import Replica
from providers.states.clock import HybridClock, new_memory_id
from providers.types import MemoryRecord, NewMemory, RecallQuery, Snapshot
from tests.support.native import host_for
from tests.support.pinecone.running import STALENESS, pinecone_at
from tests.support.pinecone.server import MAX_ID_CHARS, MAX_METADATA_BYTES, FakePinecone

ANN = Owner("ann")
LONGEST = "வ" * MAX_CONTENT_CHARS
_CLOCK = HybridClock()


@asynccontextmanager
async def two(settings: PineconeSettings) -> AsyncIterator[tuple[Replica, Replica]]:
    """Two processes on one index."""
    async with settings.open(host_for()) as one, settings.open(host_for()) as other:
        yield one, other


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds, as it must soon."""
    for _ in range(500):
        if await holds():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it never holds")


async def state_at(provider: Replica, content: str) -> Snapshot:
    """A state that a provider has stored."""
    memory_id = await provider.remember("ann", content)
    state = await provider.snapshot(ANN, memory_id)
    assert state is not None
    return state


def texts(fake: FakePinecone, namespace: str) -> str:
    """Return all that a namespace has in the end, as one text."""
    return repr(fake.records.written(namespace))


async def test_the_longest_memory_is_kept_in_pieces(fake: FakePinecone) -> None:
    """Each of which the index takes, with the longest name that an owner may have."""
    owner = Owner("அ" * 256, "t" * 64)
    settings = pinecone_at(fake.base_url)
    async with two(settings) as (one, other):
        [stored] = await one.store_many([NewMemory(owner=owner, content=LONGEST, metadata={"note": "x" * 10_000})])
        assert not isinstance(stored, Exception)
        assert (await one.fetch(owner, stored.id)).memory.content == LONGEST
        await asyncio.sleep(STALENESS)
        assert (await other.fetch(owner, stored.id)).memory.content == LONGEST
        assert await other.owners() == [owner]
    kept = fake.records.written(Namespaces(settings.prefix).of(owner))
    pieces = [record for name, record in kept.items() if name != "head"]
    assert len(pieces) == -(-len(repr(LONGEST).encode()) // CHUNK_BYTES) == 4


def test_pieces_are_within_the_limits_and_make_up_the_state() -> None:
    """In any order; a copy that lacks one, or has a changed one, is none."""
    state = _state(LONGEST)
    records = records_of(state)

    sizes = [sum(len(str(part).encode()) for part in record.metadata.values()) for record in records]
    assert max(sizes) <= MAX_METADATA_BYTES
    assert max(len(record.id) for record in records) <= MAX_ID_CHARS
    assert copies_in(reversed(records), ANN)[state.id].whole == {name_of(state).text: state}
    assert copies_in(records[1:], ANN)[state.id].whole == {}
    changed = replace(records[0], metadata={**records[0].metadata, "s": "another"})
    assert copies_in([changed, *records[1:]], ANN)[state.id].whole == {}
    assert copies_in(records, Owner("another")) == {}
    names = [name for record in records if (name := record_named(record.id)) is not None]
    assert [*whole_copies(names).values()] == [name_of(state)]
    assert whole_copies(names[1:]) == {}
    assert record_named("somebody else's") is None


def test_namespaces_tell_owners_apart() -> None:
    """Long names are told by the records alone, and no name begins as those do."""
    namespaces = Namespaces("ninai")
    owners = [Owner("ann"), Owner("ann", "acme"), Owner("~ann"), Owner("a/b:c%"), Owner("x" * 256), Owner("அ" * 256)]
    named = {owner: namespaces.of(owner) for owner in owners}

    assert len({*named.values()}) == len(owners)
    assert all(name.isascii() and len(name) <= MAX_NAMESPACE_CHARS for name in named.values())
    assert [namespaces.owner_of(named[owner]) for owner in owners] == [*owners[:-1], None]


@pytest.mark.thorough
async def test_the_newest_of_several_copies_counts(fake: FakePinecone) -> None:
    """Whichever process wrote it, and a tombstone counts more than any."""
    settings = pinecone_at(fake.base_url)
    async with two(settings) as (one, other):
        state = await state_at(one, "first")
        newer = replace(state, version=_CLOCK.next(), content="newer")
        assert await other.put_many([newer]) == [None]
        assert await one.put_many([replace(state, version=newer.version - 1, content="older")]) == [None]
        await asyncio.sleep(STALENESS)
        for provider in (one, other):
            assert (await provider.get("ann", state.id)).content == "newer"
            assert [memory.content for memory in await provider.list_memories("ann")] == ["newer"]
            assert [memory.content for memory in await provider.recall("ann", "newer")] == ["newer"]
        await one.put_many([replace(state, content=None, metadata=None, digest=b"")])
        await asyncio.sleep(STALENESS)
        for provider in (one, other):
            with pytest.raises(MemoryNotFound):
                await provider.get("ann", state.id)
            assert await provider.list_memories("ann") == []
            [refused] = await provider.put_many([replace(newer, version=_CLOCK.next())])
            assert isinstance(refused, MemoryDeleted)


@pytest.mark.thorough
async def test_copies_of_no_more_use_are_removed(fake: FakePinecone) -> None:
    """Once the one that counts is shown: one is left of many changes, and no text of a deleted memory."""
    settings = pinecone_at(fake.base_url)
    namespace = Namespaces(settings.prefix).of(ANN)
    async with settings.open(host_for()) as provider:
        kept, gone = await state_at(provider, "first"), await state_at(provider, "secret of the deleted")
        for number in range(5):
            await provider.update("ann", kept.id, content=f"edit {number}")
        await provider.delete("ann", gone.id)

        async def tidy() -> bool:
            return len(fake.records.written(namespace)) == 3  # with the head

        await until(tidy)
        assert [memory.content for memory in await provider.list_memories("ann")] == ["edit 4"]
        assert await provider.snapshots(ANN) != []
    assert "secret" not in texts(fake, namespace)
    assert "edit 3" not in texts(fake, namespace)


async def test_whoever_reads_removes_what_another_left(fake: FakePinecone) -> None:
    """As after a crash between a write and the removal of what it replaced."""
    settings = pinecone_at(fake.base_url)
    namespace = Namespaces(settings.prefix).of(ANN)
    async with replace(settings, staleness_seconds=30.0).open(host_for()) as crashing:  # before it tidies up
        state = await state_at(crashing, "canary")
        await crashing.update("ann", state.id, content="second")
    assert "canary" in texts(fake, namespace)

    async with settings.open(host_for()) as provider:
        await until(lambda: _shows(provider, state.id, "second"))

        async def tidy() -> bool:
            return "canary" not in texts(fake, namespace)

        await until(tidy)


async def test_a_process_sees_its_own_writes_at_once(fake: FakePinecone) -> None:
    """However far behind the index is, and another one within the time that is allowed for it."""
    fake.records.delay = 0.8
    settings = pinecone_at(fake.base_url, staleness_seconds=1.0)
    async with two(settings) as (one, other):
        ids = [await one.remember("ann", f"tea {number}") for number in range(5)]
        await one.update("ann", ids[0], content="coffee")
        assert await one.delete("ann", ids[1])

        assert {memory.content for memory in await one.list_memories("ann")} == {"coffee", "tea 2", "tea 3", "tea 4"}
        assert len(await one.recall("ann", "tea")) == 3
        assert await one.owners() == [ANN]
        await until(lambda: _lists(other, {"coffee", "tea 2", "tea 3", "tea 4"}))
        assert len(await other.recall("ann", "tea")) == 3


async def test_recall_learns_what_others_wrote(fake: FakePinecone) -> None:
    """New, changed and deleted, although nothing tells it but the head of the owner."""
    settings = pinecone_at(fake.base_url)
    async with two(settings) as (one, other):
        ids = [await one.remember("ann", f"tea {number}") for number in range(3)]
        await asyncio.sleep(STALENESS)
        assert len(await other.recall("ann", "tea")) == 3
        await one.update("ann", ids[0], content="coffee")
        await one.delete("ann", ids[1])
        await one.remember("ann", "tea again")

        async def learnt() -> bool:
            return {memory.content for memory in await other.recall("ann", "tea")} == {"tea 2", "tea again"}

        await until(learnt)
        before = 0
        for _ in range(3):  # the head may be shown later than what was written with it
            before = len(fake.requests)
            await other.recall("ann", "tea")
            await asyncio.sleep(STALENESS)
        asked = [received.path.partition("?")[0] for received in fake.requests[before:]]
        assert asked == ["/vectors/fetch", "/vectors/fetch_by_metadata"]  # the head, and what is shown


async def test_of_too_many_memories_the_newest_are_ranked(fake: FakePinecone) -> None:
    """And the answer says that it is partial."""
    settings = pinecone_at(fake.base_url)
    async with open_pinecone(settings, host_for(), 3) as provider:
        ids = [await provider.remember("ann", f"tea {number}") for number in range(3)]
        whole = await _found(provider)
        ids.append(await provider.remember("ann", "tea 3"))
        partial = await _found(provider)

    assert (sorted(whole[0]), whole[1]) == (sorted(ids[:3]), ())
    assert (sorted(partial[0]), partial[1]) == (sorted(ids[1:]), ("partial",))


async def _found(provider: Replica) -> tuple[list[str], tuple[str, ...]]:
    found = await provider.find(RecallQuery(owner=ANN, query="tea", limit=10))
    return [memory.id for memory in found.memories], found.degraded


async def _shows(provider: Replica, memory_id: str, content: str) -> bool:
    memories: list[MemoryRecord] = await provider.list_memories("ann")
    return [(memory.id, memory.content) for memory in memories] == [(memory_id, content)]


async def _lists(provider: Replica, contents: set[str]) -> bool:
    return {memory.content for memory in await provider.list_memories("ann")} == contents


def _state(content: str) -> Snapshot:
    version = _CLOCK.next()
    return Snapshot(
        user_id="ann",
        id=new_memory_id(_CLOCK.milliseconds),
        version=version,
        content=content,
        created_at=_CLOCK.moment(),
        digest=b"digest",
        first_version=version,
    )
