"""Recall over the index of a user's memories, as the database fills it: tenants, labels, and while it loads."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from providers.answers import INDEX_LOADING, INDEX_TOO_LARGE, NO_VECTOR, Stored
from providers.memory.provider import MockMemoryProvider
from providers.native import opening, ranked_recall
from providers.native.embedded import EmbeddedServer
from providers.native.provider import PostgresMemoryProvider
from providers.owners import Owner
from providers.search.stored_analysis import analyses_of
from providers.states.clock import HybridClock
from providers.types import Edit, NewMemory, RecallQuery, Snapshot
from tests.support.native import FickleEmbedder, HashingEmbedder, open_native_provider
from tests.support.walled import walled_database

ANNA, OTHER = Owner("anna"), Owner("anna", "acme")
START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def walled(postgres_server: EmbeddedServer) -> AsyncIterator[PostgresMemoryProvider]:
    """A provider behind row-level security, for a role that owns nothing."""
    async with walled_database(postgres_server) as dsn, open_native_provider(dsn, migrate=False) as provider:
        yield provider


@pytest.fixture
async def provider(database: str) -> AsyncIterator[PostgresMemoryProvider]:
    """A provider without vectors."""
    async with open_native_provider(database) as provider:
        yield provider


async def stored(provider: PostgresMemoryProvider | MockMemoryProvider, *memories: NewMemory) -> list[str]:
    """Store memories and return their ids."""
    answers = await provider.store_many(memories)
    return [answer.id for answer in answers if isinstance(answer, Stored)]


async def contents(provider: PostgresMemoryProvider, query: RecallQuery) -> list[str]:
    """What a recall answers, which is not degraded."""
    found = await provider.find(query)
    assert found.degraded == ()
    return [record.content for record in found.memories]


def counts_of(provider: PostgresMemoryProvider) -> tuple[int, int]:
    """How many recalls found an index, and how many had to load one."""
    assert provider._ranked is not None  # noqa: SLF001 - nothing else shows that the index answered
    counts = provider._ranked.index.counts  # noqa: SLF001 - as above
    return counts.events["hit"], counts.events["miss"]


async def test_two_tenants_never_meet_behind_the_wall(walled: PostgresMemoryProvider) -> None:
    """A user id and an id of a memory that two tenants share are two owners' and two memories, warm and cold."""
    [memory_id] = await stored(walled, NewMemory(owner=ANNA, content="green tea"))
    await stored(walled, NewMemory(owner=OTHER, content="black tea", memory_id=memory_id))
    here, there = RecallQuery(owner=ANNA, query="tea"), RecallQuery(owner=OTHER, query="tea")

    assert (await contents(walled, here), await contents(walled, there)) == (["green tea"], ["black tea"])
    await stored(walled, NewMemory(owner=OTHER, content="white tea"))
    assert await contents(walled, here) == ["green tea"]
    assert set(await contents(walled, there)) == {"black tea", "white tea"}
    await walled.change(Edit(owner=OTHER, memory_id=memory_id, content="red tea"))
    assert await contents(walled, here) == ["green tea"]
    assert set(await contents(walled, there)) == {"red tea", "white tea"}
    assert counts_of(walled) == (4, 2)


@pytest.mark.parametrize("owner", [ANNA, OTHER])
async def test_all_looks_tell_labels_behind_the_wall(walled: PostgresMemoryProvider, owner: Owner) -> None:
    """The first one and those for what changed: session, speaker, and what was stored first."""
    memory = NewMemory(owner=owner, content="tea", session="trip", speaker="Ben")
    before = await walled.changes_since(owner, None)
    [memory_id] = await stored(walled, memory)
    state = await walled.snapshot(owner, memory_id)
    assert before is not None
    assert state is not None

    whole, later = [await walled.changes_since(owner, cursor) for cursor in (None, before.cursor)]
    assert whole is not None
    assert whole.packed is not None
    assert later is not None
    [entry] = later.memories
    assert (entry.session, entry.speaker) == ("trip", "Ben")
    assert (entry.version, entry.first_version) == (state.version, state.first_version)
    assert state.first_version > 0
    assert whole.packed.sessions == ["trip"]
    assert analyses_of(whole.packed.analyses, whole.packed.lengths).names == ["ben"]
    assert whole.packed.version.tolist() == [state.version]
    assert whole.packed.first_version.tolist() == [state.first_version]


async def test_labels_are_conditions(walled: PostgresMemoryProvider) -> None:
    """Each of them, several together and with a filter; a label that changes counts at once."""
    first, second = await stored(
        walled,
        NewMemory(owner=OTHER, content="green tea", session="a", agent="x", speaker="Ann", metadata={"hot": True}),
        NewMemory(owner=OTHER, content="black tea", session="b", agent="x", app="web"),
    )
    query = RecallQuery(owner=OTHER, query="tea")

    assert await contents(walled, replace(query, session="a")) == ["green tea"]
    assert await contents(walled, replace(query, query="black tea", session="a", limit=1)) == ["green tea"]
    assert await contents(walled, replace(query, session="a", app="web")) == []
    assert await contents(walled, replace(query, speaker="Ann", agent="x")) == ["green tea"]
    assert len(await contents(walled, replace(query, agent="x"))) == 2
    assert await contents(walled, replace(query, agent="x", without=frozenset({first}))) == ["black tea"]
    await walled.change(Edit(owner=OTHER, memory_id=second, session="a", agent=None))
    assert len(await contents(walled, replace(query, session="a"))) == 2
    assert await contents(walled, replace(query, agent="x")) == ["green tea"]
    assert counts_of(walled)[1] == 1


async def test_what_ceases_to_meet_a_condition_meanwhile_is_no_answer(
    provider: PostgresMemoryProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit between the ranking and the look at the memories is heeded."""
    [memory_id] = await stored(provider, NewMemory(owner=ANNA, content="tea", session="a"))
    assert provider._ranked is not None  # noqa: SLF001 - there is no other way in between
    index = provider._ranked.index  # noqa: SLF001 - as above
    read, sessions = index.read, ["b", "c"]

    async def edited_after(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever the work returns
        hits = await read(*args, **options)
        if sessions:
            await provider.change(Edit(owner=ANNA, memory_id=memory_id, session=sessions.pop()))
        return hits

    monkeypatch.setattr(index, "read", edited_after)
    assert await contents(provider, RecallQuery(owner=ANNA, query="tea", session="a")) == []
    assert await contents(provider, RecallQuery(owner=ANNA, query="tea", session="b")) == ["tea"]


async def test_it_orders_as_the_store_of_this_process(provider: PostgresMemoryProvider) -> None:
    """Both heed sessions, speakers and what was stored first, before and after an edit of them."""
    mock = MockMemoryProvider(HybridClock())
    memories = [
        NewMemory(
            owner=ANNA,
            content=content,
            session=session,
            speaker=speaker,
            created_at=START + HOUR * hour,
            version=1_000 + number,
        )
        for number, (content, session, speaker, hour) in enumerate(
            [
                ("masala tea in the morning", "a", "Ben", 0),
                ("with two spoons of sugar", "a", None, 9),
                ("masala tea and coffee", "b", "Clara", 0),
                ("no milk please", "c", None, 9),
                ("a bicycle for two", None, "Ben", 40),
                ("tea by the sea", None, None, 40),
            ]
        )
    ]
    ids = await stored(provider, *memories)
    named = [replace(memory, memory_id=memory_id) for memory, memory_id in zip(memories, ids, strict=True)]
    assert await stored(mock, *named) == ids

    async def answers(text: str) -> list[tuple[str, float]]:
        query = RecallQuery(owner=ANNA, query=text)
        own, other = [(await one.find(query)).memories for one in (provider, mock)]
        assert [record.id for record in own] == [record.id for record in other]
        scores = [record.similarity_score or 0.0 for record in own]
        assert scores == pytest.approx([record.similarity_score for record in other], abs=1e-6)
        return [(record.content, record.similarity_score or 0.0) for record in own]

    plain = await answers("masala tea")
    assert (await answers("What masala tea did Ben like"))[0][0] == "masala tea in the morning"
    assert (await answers("What masala tea did Clara like"))[0][0] == "masala tea and coffee"
    for one in (provider, mock):
        await one.change(Edit(owner=ANNA, memory_id=ids[3], session="b", speaker="Masala", version=5_000))
    assert await answers("masala tea") != plain


async def test_an_answer_says_that_the_index_still_loads(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database answers as if there were none, which may be another order; what else is missing is told with it."""
    embedder = FickleEmbedder()
    embedder.down = True
    async with open_native_provider(database, embedder) as provider, open_native_provider(database) as plain:
        [memory_id] = await stored(plain, NewMemory(owner=ANNA, content="tea"))
        query = RecallQuery(owner=ANNA, query="tea")
        with monkeypatch.context() as patched:
            patched.setattr(ranked_recall, "_PATIENCE", 0.0)
            cold, too = await plain.find(query), await provider.find(query)
        warm = await plain.find(query)

    assert (cold.degraded, too.degraded, warm.degraded) == ((INDEX_LOADING,), (NO_VECTOR, INDEX_LOADING), ())
    assert [record.id for found in (cold, too, warm) for record in found.memories] == [memory_id] * 3


async def test_an_answer_says_that_the_index_does_not_fit(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database answers, as long as the memories take more room than there is; deleted ones take none."""
    monkeypatch.setattr(opening, "MEGABYTE", 1_000)
    async with open_native_provider(database, recall_cache_mb=2) as provider:
        ids = await stored(provider, *(NewMemory(owner=ANNA, content=f"tea number {number}") for number in range(20)))
        query = RecallQuery(owner=ANNA, query="tea number 7", limit=1)
        large = await provider.find(query)
        for memory_id in [*ids[:7], *ids[8:]]:
            await provider.delete("anna", memory_id)
        assert provider._ranked is not None  # noqa: SLF001 - instead of waiting until it is asked for again
        provider._ranked.index.forget()  # noqa: SLF001 - as above
        small = await provider.find(query)

    assert (large.degraded, small.degraded) == ((INDEX_TOO_LARGE,), ())
    assert [record.id for found in (large, small) for record in found.memories] == [ids[7]] * 2


async def test_a_pending_memory_is_ranked_with_the_stored_ones(database: str) -> None:
    """By its vector, too, which is made once; conditions hold for it, and a hidden state is no neighbour any more."""
    embedder = FickleEmbedder(HashingEmbedder(synonyms={"tea": "chai"}))
    async with open_native_provider(database, embedder) as provider:
        [hidden] = await stored(provider, NewMemory(owner=ANNA, content="chai", created_at=START))
        await stored(provider, NewMemory(owner=ANNA, content="coffee in the morning", created_at=START))
        pending = (
            Snapshot(user_id=ANNA.key, id=hidden, version=1, content="milk", created_at=START),
            Snapshot(user_id=ANNA.key, id=str(UUID(int=1)), version=2, content="a cup of chai", created_at=START),
            Snapshot(user_id=ANNA.key, id=str(UUID(int=2)), version=3, content="chai", created_at=START - HOUR),
        )
        query = RecallQuery(
            owner=ANNA, query="tea", without=frozenset({hidden}), pending=pending, created_from=START, limit=1
        )
        first = await provider.find(query)
        asked = embedder.asked
        again = await provider.find(query)

    assert [record.content for record in first.memories] == ["a cup of chai"]
    assert first.pending == frozenset(state.id for state in pending)
    assert again == first
    assert embedder.asked == asked + 1  # for the question alone


async def test_what_is_kept_of_answers_is_never_stale(database: str) -> None:
    """A second recall reads no memory again, and finds what another process has changed of it meanwhile."""
    async with open_native_provider(database) as provider, open_native_provider(database) as other:
        first, second = await stored(
            provider,
            NewMemory(owner=ANNA, content="green tea", metadata={"tags": ["hot"]}),
            NewMemory(owner=ANNA, content="black tea"),
        )
        query = RecallQuery(owner=ANNA, query="green tea")
        answer = (await provider.find(query)).memories[0]
        assert answer.metadata is not None
        answer.metadata["tags"].append("changed")
        assert await contents(provider, query) == ["green tea", "black tea"]
        assert (await provider.find(query)).memories[0].metadata == {"tags": ["hot"]}
        assert provider._ranked is not None  # noqa: SLF001 - nothing else shows what is kept
        [held] = provider._ranked.index._held.values()  # noqa: SLF001 - as above
        assert held.index.spare.records.nbytes > 0

        await other.update("anna", first, metadata={"tags": ["cold"]})
        assert (await provider.find(query)).memories[0].metadata == {"tags": ["cold"]}
        await other.update("anna", first, content="green tea in a can")
        assert (await contents(provider, query))[0] == "green tea in a can"
        await other.delete("anna", second)
        assert await contents(provider, query) == ["green tea in a can"]
