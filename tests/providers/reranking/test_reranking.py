"""Reranking over a real connection: the order of the model where it comes in time, and the plain one where not."""

import json
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from observability.secret import Secret
from providers.answers import Found
from providers.errors import AnswerTooLarge, ProviderError
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.reranking.http import LONGEST_TEXT, MAX_ANSWER_BYTES
from providers.reranking.provider import NOT_RERANKED, PAUSE_SECONDS, RerankingProvider
from providers.reranking.settings import HttpRerankerSettings
from providers.search.answer_options import AnswerOptions
from providers.types import NewMemory, RecallQuery
from tests.support.clock import FakeClock
from tests.support.rerank_server import RerankServer, rerank_server

ANNA = Owner("anna")
QUERY = RecallQuery(owner=ANNA, query="red kite over the hill", limit=2)

# The ranking puts them in this order; the model counts words that say nothing as well.
FIRST, SECOND = "a red kite, and a hill", "a red kite"
RELEVANT = "over the hill a kite sails in the wind, below clouds, high above woods and houses"


@pytest.fixture
async def server() -> AsyncIterator[RerankServer]:
    """A server that answers at once."""
    async with rerank_server() as server:
        yield server


@pytest.fixture
async def clock() -> FakeClock:
    """A clock that stands still."""
    return FakeClock()


@pytest.fixture
async def provider(server: RerankServer, clock: FakeClock) -> AsyncIterator[RerankingProvider]:
    """A provider with memories, which are reranked."""
    store = MockMemoryProvider()
    for text in (SECOND, FIRST, RELEVANT):
        await store.store(NewMemory(owner=ANNA, content=text))
    settings = HttpRerankerSettings(url=server.url, model="tiny", api_key=Secret("key"), timeout=2.0, candidates=4)
    async with settings.open() as reranker:
        assert reranker is not None
        yield RerankingProvider(lambda: store, reranker, clock)


def contents(found: Found) -> list[str]:
    """The contents, best first."""
    return [record.content for record in found.memories]


async def test_the_most_relevant_come_first(provider: RerankingProvider, server: RerankServer) -> None:
    """Also one that the plain answer would not have had; scores stay those of the provider."""
    found = await provider.find(replace(QUERY, options=AnswerOptions(explain=True)))

    sent = json.loads(server.asked[0].body)
    assert contents(found) == [RELEVANT, FIRST]
    assert found.degraded == ()
    assert [record.explanation.rank for record in found.memories if record.explanation] == [1, 2]
    assert (found.memories[0].similarity_score or 0) < (found.memories[1].similarity_score or 0)
    assert server.asked[0].headers["authorization"] == "Bearer key"
    assert (sent["model"], sent["query"], sent["top_n"]) == ("tiny", QUERY.query, 3)
    assert sorted(sent["documents"]) == sorted([FIRST, SECOND, RELEVANT])


async def test_what_it_leaves_out_comes_last(provider: RerankingProvider, server: RerankServer) -> None:
    """In the order of the ranking."""
    server.leaves_out = {RELEVANT, FIRST}

    assert contents(await provider.find(replace(QUERY, limit=3))) == [SECOND, FIRST, RELEVANT]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, None),
        (429, None),
        (200, b"no json"),
        (200, b"{}"),
        (200, b'{"results": [{"index": 3, "relevance_score": 1}]}'),
        (200, b'{"results": [{"index": -1, "relevance_score": 1}]}'),
        (200, b" " * (MAX_ANSWER_BYTES + 1)),
    ],
)
async def test_without_an_order_the_plain_one_is_given(
    provider: RerankingProvider, server: RerankServer, clock: FakeClock, status: int, body: bytes | None
) -> None:
    """The answer says so, and nobody waits for the next one until the pause is over."""
    server.status, server.body = status, body
    failed = await provider.find(QUERY)
    paused = await provider.find(QUERY)
    server.status, server.body = 200, None
    clock.pass_by(PAUSE_SECONDS)
    again = await provider.find(QUERY)

    assert contents(failed) == contents(paused) == [FIRST, SECOND]
    assert failed.degraded == paused.degraded == (NOT_RERANKED,)
    assert contents(again) == [RELEVANT, FIRST]
    assert len(server.asked) == 2


async def test_a_pause_that_it_asks_for_is_kept(
    provider: RerankingProvider, server: RerankServer, clock: FakeClock
) -> None:
    """`Retry-After` may be longer than the pause of everybody."""
    server.status, server.headers = 503, {"retry-after": "30"}
    await provider.find(QUERY)
    clock.pass_by(29)
    await provider.find(QUERY)
    clock.pass_by(1)
    await provider.find(QUERY)

    assert len(server.asked) == 2


async def test_a_late_order_is_not_waited_for(server: RerankServer) -> None:
    """The request ends with its own deadline."""
    server.delay = 60.0
    store = MockMemoryProvider()
    for text in (SECOND, FIRST):
        await store.store(NewMemory(owner=ANNA, content=text))
    async with HttpRerankerSettings(url=server.url, timeout=0.05).open() as reranker:
        assert reranker is not None
        found = await RerankingProvider(lambda: store, reranker).find(QUERY)

    assert (contents(found), found.degraded) == ([FIRST, SECOND], (NOT_RERANKED,))


async def test_nobody_listens(clock: FakeClock) -> None:
    """The same as for a server that fails."""
    async with rerank_server() as gone:
        url = gone.url
    store = MockMemoryProvider()
    for text in (SECOND, FIRST):
        await store.store(NewMemory(owner=ANNA, content=text))
    async with HttpRerankerSettings(url=url).open() as reranker:
        assert reranker is not None
        found = await RerankingProvider(lambda: store, reranker, clock).find(QUERY)

    assert (contents(found), found.degraded) == ([FIRST, SECOND], (NOT_RERANKED,))


@pytest.mark.parametrize("options", [AnswerOptions(diversity=0.1), AnswerOptions(alike=True)])
async def test_an_order_that_is_asked_for_stays(
    provider: RerankingProvider, server: RerankServer, options: AnswerOptions
) -> None:
    """The server is not asked."""
    await provider.find(replace(QUERY, options=options))

    assert server.asked == []


async def test_each_question_of_a_batch_has_its_order(provider: RerankingProvider) -> None:
    """An error stays in its place."""
    answers = await provider.find_many([replace(QUERY, limit=3), replace(QUERY, query=""), QUERY])

    assert isinstance(answers[0], Found)
    assert contents(answers[0]) == [RELEVANT, FIRST, SECOND]
    assert isinstance(answers[1], ProviderError)
    assert isinstance(answers[2], Found)
    assert set(contents(answers[2])) == {FIRST, SECOND}


async def test_long_texts_are_cut_and_bounds_stay(provider: RerankingProvider, server: RerankServer) -> None:
    """What is sent of a text is bounded, and the answer has the bound of the question, not of the candidates."""
    await provider.store(NewMemory(owner=ANNA, content=f"red kite {'x' * LONGEST_TEXT}"))
    await provider.find(QUERY)

    assert max(len(text) for text in json.loads(server.asked[0].body)["documents"]) == LONGEST_TEXT
    with pytest.raises(AnswerTooLarge):
        await provider.find(replace(QUERY, most_bytes=10))
