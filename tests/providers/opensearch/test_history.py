"""The history of memories in OpenSearch: what a reader sees of it, and what of it leaves the server for good."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from observability.secret import Secret
from providers.errors import MemoryDeleted
from providers.history import HistoryQuery
from providers.keyed.shelf import HeldState, Replacement
from providers.opensearch.index import ABSENT
from providers.opensearch.provider import OpenSearchMemoryProvider
from providers.opensearch.settings import OpenSearchSettings
from providers.opensearch.versions import HISTORY_MARK
from providers.owners import Owner
from providers.retention import DAY_MS, UNDATED_VERSION, Retention
from providers.states.clock import COUNTER_BITS, HybridClock
from providers.states.digests import digest_of
from providers.states.editing import tombstone_for
from providers.types import Snapshot
from tests.support.lagging_opensearch import LaggingOpenSearch
from tests.support.native import host_for
from tests.support.opensearch import OpenSearchServer, running_opensearch
from tests.support.states import MOMENT, live

ANN = Owner("ann")
EVERYTHING = 2**62  # a version above all
THREE = Retention(keep=3)
TEXTS = ["tea number one", "tea number two", "tea number three"]
clock = HybridClock()


@asynccontextmanager
async def opened(settings: OpenSearchSettings, retention: Retention = THREE) -> AsyncIterator[OpenSearchMemoryProvider]:
    """Open a provider that keeps so much."""
    async with settings.open(replace(host_for(), retention=retention)) as provider:
        assert isinstance(provider, OpenSearchMemoryProvider)
        yield provider


@pytest.fixture
def settings(opensearch_server: OpenSearchServer) -> OpenSearchSettings:
    """Those of an index of its own."""
    return opensearch_server.settings()


async def written(provider: OpenSearchMemoryProvider, texts: list[str] = TEXTS) -> str:
    """Store a memory, change it to each of the other texts, and return its id."""
    memory_id = await provider.remember(ANN.user, texts[0])
    for text in texts[1:]:
        await provider.update(ANN.user, memory_id, content=text)
    return memory_id


async def at_server(provider: OpenSearchMemoryProvider) -> list[str | None]:
    """Return the texts of the owner's versions that the server has, by memory and version."""
    documents = provider.parts.shelf.versions
    await provider.parts.reader.refresh()
    return [state.content for state in await documents.at(ANN, await documents.places(ANN))]


async def kept(provider: OpenSearchMemoryProvider, memory_id: str) -> list[str | None]:
    """Return the texts of a memory's history, the newest first."""
    page = await provider.history(HistoryQuery(owner=ANN, memory_id=memory_id))
    return [state.content for state in page.versions]


async def state_of(provider: OpenSearchMemoryProvider, memory_id: str) -> Snapshot:
    """Return the state of a memory that is there."""
    state = await provider.snapshot(ANN, memory_id)
    assert state is not None
    return state


async def test_no_more_is_told_than_is_asked_for(settings: OpenSearchSettings) -> None:
    """What is too much is told to nobody, and removed by a sweep; a change removes nothing and so costs no search."""
    async with opened(settings) as provider:
        memory_id = await written(provider, [str(number) for number in range(6)])

        assert await kept(provider, memory_id) == ["5", "4", "3", "2"]
        assert [state.content for state in await provider.superseded(ANN)] == ["2", "3", "4"]
        assert await at_server(provider) == ["0", "1", "2", "3", "4"]
        assert await provider.parts.histories.sweep() == 2
        assert await at_server(provider) == ["2", "3", "4"]


async def test_a_sweep_removes_what_was_refused(settings: OpenSearchSettings) -> None:
    """What nobody could judge, where the memory was another one; where it was this one, it is a version."""
    async with opened(settings) as provider:
        memory_id, other = await written(provider), await written(provider, TEXTS[:1])
        for one, digest in ((memory_id, digest_of("beer", None)), (other, None)):
            state = await provider.snapshot(ANN, one)
            assert state is not None
            refused = replace(state, version=UNDATED_VERSION, updated_at=None, content="beer")
            await provider.put_versions([refused if digest is None else replace(refused, digest=digest)])

        assert await provider.parts.histories.sweep() == 1
        assert await provider.parts.histories.sweep() == 0
        assert sorted(map(str, await at_server(provider))) == sorted(["beer", *TEXTS[:-1]])


async def test_a_deletion_leaves_no_version_at_the_server(
    opensearch_server: OpenSearchServer, settings: OpenSearchSettings
) -> None:
    """Those of other memories stay."""
    async with opened(settings) as provider:
        gone, other = await written(provider), await written(provider, ["milk", "water"])
        await provider.delete(ANN.user, gone)

        assert await at_server(provider) == ["milk"]
        assert await kept(provider, other) == ["water", "milk"]
        everything = opensearch_server.ask("POST", f"/{settings.index}/_search", {"size": 1000})["hits"]["hits"]
        assert "tea" not in str(everything)


async def test_many_deletions_leave_no_version_at_the_server(settings: OpenSearchSettings) -> None:
    """More of them than one search looks for."""
    async with opened(settings) as provider:
        states = [live(ANN.user, f"tea {number}", clock.next()) for number in range(130)]
        newer = [
            replace(state, version=state.version + 1, updated_at=MOMENT, edits=(str(uuid4()),)) for state in states
        ]
        await provider.put_many([*states, *newer])
        assert len(await at_server(provider)) == 130
        await provider.put_many([tombstone_for(state, state.version + 2) for state in newer])

        assert await at_server(provider) == []


async def test_a_deletion_finds_what_no_search_shows_yet(opensearch_server: OpenSearchServer) -> None:
    """Also where searches may be behind."""
    with running_opensearch() as shown:
        async with LaggingOpenSearch(opensearch_server.url, shown.url) as lagging:
            settings = replace(opensearch_server.settings(), url=Secret(lagging.base_url), staleness_seconds=5.0)
            async with opened(settings) as provider:
                memory_id = await written(provider)
                await provider.delete(ANN.user, memory_id)

                assert await at_server(provider) == []


async def test_a_history_is_told_as_soon_as_it_is_written(opensearch_server: OpenSearchServer) -> None:
    """Where searches are behind by default they are refreshed."""
    with running_opensearch() as shown:
        async with LaggingOpenSearch(opensearch_server.url, shown.url) as lagging:
            settings = replace(opensearch_server.settings(), url=Secret(lagging.base_url))
            async with opened(settings) as provider:
                memory_id = await written(provider)

                assert await kept(provider, memory_id) == TEXTS[::-1]
                assert [state.content for state in await provider.superseded(ANN)] == TEXTS[:-1]


async def test_a_change_that_a_deletion_overtakes_leaves_no_version(settings: OpenSearchSettings) -> None:
    """It had read the memory before, and its version was written after that of others had been removed."""
    async with opened(settings) as provider:
        memory_id = await written(provider)
        shelf = provider.parts.shelf
        held = await shelf.read(ANN, [memory_id])
        before = await state_of(provider, memory_id)
        await provider.delete(ANN.user, memory_id)
        after = replace(before, version=before.version + 1, content="late")
        change = Replacement(memory_id, held[memory_id], after, (before,))

        assert await shelf.write(ANN, [change], held) == {memory_id}
        assert await at_server(provider) == []


@pytest.mark.parametrize("deleted", [True, False])
async def test_versions_of_what_had_no_state_meet_the_one_that_comes(
    settings: OpenSearchSettings,
    deleted: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Their writer looks once more: beside a memory they stay, beside a tombstone they go."""
    async with opened(settings) as provider:
        state = live(ANN.user, "tea", clock.next())
        newest = replace(state, version=state.version + 1, updated_at=MOMENT, edits=(str(uuid4()),), content="coffee")
        shelf, held = provider.parts.shelf, HeldState(None, ABSENT)
        await provider.put_many([tombstone_for(newest, newest.version) if deleted else newest])
        change = Replacement(state.id, held, None, (state,))

        assert await shelf.write(ANN, [change], {state.id: held}) == {state.id}
        assert await at_server(provider) == ([] if deleted else ["tea"])
        assert [type(one) for one in await provider.put_versions([state])] == [MemoryDeleted if deleted else type(None)]


async def test_what_a_crash_has_left_is_not_told(settings: OpenSearchSettings) -> None:
    """Under a tombstone it is removed by a sweep; the version that is now on is told once."""
    async with opened(settings) as provider:
        gone, alive = await written(provider), await written(provider, ["milk", "water"])
        last, newest = await state_of(provider, gone), await state_of(provider, alive)
        await provider.delete(ANN.user, gone)
        await provider.parts.shelf.versions.put(ANN, [last, newest])

        assert sorted(str(text) for text in await at_server(provider)) == ["milk", TEXTS[-1], "water"]
        assert [state.content for state in await provider.superseded(ANN)] == ["milk"]
        assert await kept(provider, alive) == ["water", "milk"]
        assert await provider.parts.histories.sweep() == 1
        assert await at_server(provider) == ["milk", "water"]
        await provider.update(ANN.user, alive, content="wine")
        assert await kept(provider, alive) == ["wine", "water", "milk"]


async def test_a_sweep_removes_what_is_too_old(settings: OpenSearchSettings) -> None:
    """And everything where no history is kept any more."""
    async with opened(settings) as provider:
        memory_id = await written(provider, ["milk", "water"])
        state = await state_of(provider, memory_id)
        old = replace(state, version=state.version - ((THREE.days + 1) * DAY_MS << COUNTER_BITS), content="old")
        await provider.parts.shelf.versions.put(ANN, [old])
        assert [one.content for one in await provider.superseded(ANN)] == ["milk"]
        assert await provider.parts.histories.sweep() == 1
        assert await at_server(provider) == ["milk"]
    async with opened(settings, Retention(keep=0)) as provider:
        assert await provider.superseded(ANN) == []
        assert await provider.parts.histories.sweep() == 1
        assert await at_server(provider) == []


async def test_an_erasure_takes_the_history_along(
    opensearch_server: OpenSearchServer, settings: OpenSearchSettings
) -> None:
    """Also versions whose memories never came; what is above the version stays, and its owner is known."""
    async with opened(settings) as provider:
        await written(provider)
        alone = live(ANN.user, "alone", clock.next())
        await provider.put_versions([alone, replace(alone, version=EVERYTHING - 1, content="later")])
        assert len(await at_server(provider)) == len(TEXTS) + 1
        await provider.purge(ANN, EVERYTHING - 2)
        assert await provider.owners() == [ANN]
        assert await at_server(provider) == ["later"]
        await provider.purge(ANN, EVERYTHING)

        assert await provider.owners() == []
        everything: Any = opensearch_server.ask("POST", f"/{settings.index}/_search", {"size": 1000})
        found = [hit["_source"] for hit in everything["hits"]["hits"]]
        assert [one for one in found if ANN.user in one.get("owner", "") or HISTORY_MARK in one.get("owner", "")] == []
