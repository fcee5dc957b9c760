"""Vectors in an index: what they find of few memories and of too many to rank here, and how the index gets them."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from msgspec.structs import replace

from observability.secret import Secret
from providers.answers import NO_VECTOR, PARTIAL
from providers.embedders.base import Embedder
from providers.embedders.settings import EmbedderSettings
from providers.embedding_progress import EmbeddingProgress
from providers.errors import Misconfigured
from providers.opensearch.filling import VectorFilling
from providers.opensearch.provider import OpenSearchMemoryProvider
from providers.opensearch.settings import OpenSearchSettings
from providers.owners import Owner
from providers.replica import Replica
from providers.types import RecallQuery
from tests.support.alike import assert_ranked_alike
from tests.support.following import eventually
from tests.support.native import (
    FickleEmbedder,
    HashingEmbedder,
    LentEmbedder,
    host_for,
    open_native_provider,
    waiting_of,
)
from tests.support.opensearch import OpenSearchServer
from tests.support.states import live
from tests.support.vector_opensearch import VectorOpenSearch

ANN = Owner("ann")
FEW = 3  # memories that are ranked here, so that a few more are too many
SYNONYMS = {"chai": "tea", "vehicle": "car"}
CAR = RecallQuery(owner=ANN, query="vehicle")


@pytest.fixture(
    params=[
        pytest.param(False, id="opensearch"),
        pytest.param(True, id="elasticsearch", marks=pytest.mark.thorough),
    ]
)
async def server(
    request: pytest.FixtureRequest, opensearch_server: OpenSearchServer
) -> AsyncIterator[VectorOpenSearch]:
    """A server that scores vectors."""
    async with VectorOpenSearch(opensearch_server.url, elastic=request.param) as proxy:
        yield proxy


def settings_for(
    server: VectorOpenSearch, embedder: Embedder | None, index: OpenSearchSettings | None = None
) -> OpenSearchSettings:
    """Return the settings of a provider with an embedder, in an index that nobody has used or in a former one."""
    settings = replace(index or OpenSearchServer().settings(), url=Secret(server.base_url))
    if embedder is None:
        return settings
    return replace(settings, embedder=cast("EmbedderSettings", LentEmbedder(embedder)))


def hashing(**others: Any) -> HashingEmbedder:  # noqa: ANN401 - see `HashingEmbedder`
    """An embedder for which some words mean the same."""
    return HashingEmbedder(synonyms=SYNONYMS, **others)


def few(provider: Replica) -> OpenSearchMemoryProvider:
    """Have a provider rank few memories by itself."""
    assert isinstance(provider, OpenSearchMemoryProvider)
    changes: Any = provider.parts.changes
    changes.most = provider.parts.recall.most = FEW
    return provider


async def filled(provider: Replica) -> str:
    """Store more memories than are ranked here; return the id of the one about a car."""
    car = await provider.remember("ann", "the red car")
    for number in range(FEW + 1):
        await provider.remember("ann", f"green coffee {number}")
    await provider.remember("bea", "a vehicle")
    return car


def filling_of(provider: Replica) -> VectorFilling:
    """Return what fills the vectors of a provider, to be run when a test wants it."""
    assert isinstance(provider, OpenSearchMemoryProvider)
    shelf, parts = provider.parts.shelf, provider.parts
    return VectorFilling(parts.feed.server, shelf, parts.reader, parts.report)


async def test_of_too_many_memories_those_nearest_are_ranked(server: VectorOpenSearch) -> None:
    """No word is shared, and the server compares the vectors of this user's memories alone; the answer is partial."""
    async with settings_for(server, hashing()).open(host_for()) as provider:
        car = await filled(provider)
        deleted = await provider.remember("ann", "an old car")
        await provider.delete("ann", deleted)
        found = await few(provider).find(CAR)

    assert found.memories[0].id == car
    assert found.memories[0].similarity_score is not None
    assert deleted not in {memory.id for memory in found.memories}
    assert {memory.user_id for memory in found.memories} == {"ann"}
    assert found.degraded == (PARTIAL,)
    assert server.scored == [FEW + 2]


async def test_words_and_vectors_are_weighed_together(server: VectorOpenSearch) -> None:
    """What matches by both comes first, by nearly the same score as below the limit."""
    settings = settings_for(server, hashing())
    async with settings.open(host_for()) as provider, settings.open(host_for()) as another:
        await filled(provider)
        both = await provider.remember("ann", "a fast car and masala tea")
        asked = replace(CAR, query="masala vehicle")
        below, above = await provider.find(asked), await few(another).find(asked)

    assert below.memories[0].id == above.memories[0].id == both
    assert (below.degraded, above.degraded) == ((), (PARTIAL,))
    assert above.memories[0].similarity_score == pytest.approx(below.memories[0].similarity_score, abs=0.1)


async def test_conditions_hold_for_what_is_nearest(server: VectorOpenSearch) -> None:
    """And what has expired is not found."""
    async with settings_for(server, hashing()).open(host_for()) as provider:
        await filled(provider)
        state = live("ann", "the blue car", session="morning")
        await provider.put_many([state])
        found = await few(provider).find(replace(CAR, session="morning"))

    assert [memory.id for memory in found.memories] == [state.id]


async def test_few_memories_are_ranked_as_home_ranks_them(server: VectorOpenSearch, database: str) -> None:
    """With the same embedder: the same answers, scores and name of the ranking as PostgreSQL's."""
    async with (
        settings_for(server, hashing()).open(host_for()) as ours,
        open_native_provider(database, hashing()) as home,
    ):
        await assert_ranked_alike(ours, home)
    assert server.scored == []


async def test_an_index_without_vectors_gets_them(server: VectorOpenSearch) -> None:
    """The mapping gets the fields when it is opened, and what was stored before its vectors, told as changes."""
    plain = settings_for(server, None)
    async with plain.open(host_for()) as provider:
        car = await provider.remember("ann", "the red car")
        gone = await provider.remember("ann", "a bus")
        await provider.delete("ann", gone)
        assert await provider.recall("ann", "vehicle") == []
    async with settings_for(server, hashing(), plain).open(host_for()) as provider:

        async def is_found() -> bool:
            return [memory.id for memory in await provider.recall("ann", "vehicle")] == [car]

        await eventually(is_found)


async def test_what_is_stored_while_the_embedder_fails_is_filled(server: VectorOpenSearch) -> None:
    """It is found by its words meanwhile, which the answer says; a text that is refused is asked about once."""
    embedder = FickleEmbedder(hashing())
    host = replace(host_for(), serves=False)
    async with settings_for(server, embedder).open(host) as provider:
        await provider.remember("ann", "water")
        embedder.down = True
        car = await provider.remember("ann", "the red car")
        bus = await provider.remember("ann", "a bus")
        by_words = await provider.find(replace(CAR, query="car"))
        embedder.down, embedder.poison = False, {"bus"}
        filling = filling_of(provider)
        assert await filling.fill() == 0
        assert waiting_of(host) == 2
        told = provider.embedding_progress
        assert told == EmbeddingProgress(model=embedder.model, embedded=1, waiting=2)

        async def goes_on() -> bool:
            return await filling.fill() > 0

        await eventually(goes_on)  # it is given a pause after it failed
        while await filling.fill():
            pass
        assert waiting_of(host) == 0
        assert provider.embedding_progress is None
        asked = embedder.asked
        assert await filling.fill() == 0
        assert embedder.asked == asked
        found, refused = await provider.find(CAR), await provider.recall("ann", "bus")

    assert [memory.id for memory in by_words.memories] == [car]
    assert by_words.degraded == (NO_VECTOR,)
    assert (found.memories[0].id, found.degraded) == (car, ())
    assert [memory.id for memory in refused] == [bus]


async def test_another_model_of_the_same_size_is_filled_anew(server: VectorOpenSearch) -> None:
    """Vectors of the former one count no more."""
    former = settings_for(server, HashingEmbedder())
    async with former.open(host_for()) as provider:
        car = await provider.remember("ann", "the red car")
    async with settings_for(server, hashing(model="test/other"), former).open(host_for()) as provider:
        assert await provider.recall("ann", "car")
        await filling_of(provider).fill()
        found = await provider.recall("ann", "vehicle")

    assert [memory.id for memory in found] == [car]


async def test_other_dimensions_are_refused(server: VectorOpenSearch) -> None:
    """With both numbers, before anything is written; without an embedder the index serves as before."""
    former = settings_for(server, hashing())
    async with former.open(host_for()) as provider:
        await provider.remember("ann", "the red car")
    async with settings_for(server, hashing(dims=32), former).open(host_for()) as provider:
        with pytest.raises(Misconfigured, match="has vectors of 64 dimensions, the embedder makes 32"):
            await provider.remember("ann", "tea")
    async with replace(former, embedder=OpenSearchSettings().embedder).open(host_for()) as provider:
        await provider.remember("ann", "tea")
        assert len(await provider.list_memories("ann")) == 2


async def test_more_dimensions_than_the_server_takes_are_refused(server: VectorOpenSearch) -> None:
    """With what to do instead."""
    async with settings_for(server, hashing(dims=17_000)).open(host_for()) as provider:
        with pytest.raises(Misconfigured, match=r"no field for vectors of 17000 dimensions.*embedder.kind"):
            await provider.remember("ann", "tea")


async def test_a_pending_memory_has_its_vector(server: VectorOpenSearch) -> None:
    """It is ranked with what is stored, by what it means."""
    async with settings_for(server, hashing()).open(host_for()) as provider:
        await provider.remember("ann", "green coffee")
        new = live("ann", "the red car")
        found = await provider.find(replace(CAR, pending=(new,), without=frozenset({new.id})))

    assert [memory.id for memory in found.memories][:1] == [new.id]
