"""A native provider with a real client of an embedding server that limits, charges, or makes too wide vectors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from observability.secret import Secret
from providers.answers import Found
from providers.embedders.local import LocalEmbedder
from providers.embedders.settings import OpenAIEmbedderSettings
from providers.host import Host
from providers.native.dimensions import MAX_DIMENSIONS
from providers.native.embedding_queue import IDLE_SECONDS
from providers.native.settings import NativeSettings
from providers.owners import Owner
from providers.replica import Replica
from providers.types import NewMemory, RecallQuery
from tests.providers.native.test_embedding_queue import becomes_true, count, gauge_is
from tests.support.native import HashingEmbedder, host_for, open_native_provider, refused_of
from tests.support.openai_server import Behaviour, OpenAIServer
from tests.support.openai_too_long import TooLong, tokens_of

TIMEOUT = 60.0  # seconds; a busy machine is not what these tests are about


@pytest.fixture(scope="module")
async def loaded() -> LocalEmbedder:
    """The model behind the server, loaded once."""
    return await LocalEmbedder.load(host_for().metrics)


@pytest.fixture
async def server(loaded: LocalEmbedder) -> AsyncIterator[OpenAIServer]:
    """An embeddings server that behaves until it is told otherwise."""
    async with OpenAIServer(model=loaded) as server:
        yield server


@asynccontextmanager
async def provider_with(server: OpenAIServer, database: str, host: Host) -> AsyncIterator[Replica]:
    """A provider that embeds with the server."""
    embedder = OpenAIEmbedderSettings(base_url=server.base_url, timeout=TIMEOUT)
    async with NativeSettings(dsn=Secret(database), embedder=embedder, timeout=TIMEOUT).open(host) as provider:
        yield provider


async def contents(provider: Replica, query: str) -> list[str]:
    """What Anna finds."""
    return [hit.content for hit in (await asked(provider, query)).memories]


async def asked(provider: Replica, query: str) -> Found:
    """The answer to Anna's question."""
    return await provider.find(RecallQuery(owner=Owner("anna"), query=query))


@pytest.mark.parametrize("status", [429, 503])
async def test_while_it_wants_to_be_left_alone_nobody_asks(server: OpenAIServer, database: str, status: int) -> None:
    """One request is refused; from then on neither questions, nor writes, nor the background reach the server."""
    async with provider_with(server, database, host := host_for()) as provider:
        await server.become(Behaviour.STATUS, status=status, headers={"Retry-After": "300"})
        await provider.remember("anna", "tea")
        for number in range(5):
            await provider.remember("anna", f"coffee {number}")
            found = await asked(provider, "tea")
            assert [hit.content for hit in found.memories] == ["tea"]
            assert found.degraded == ("no_vector",)
        await asyncio.sleep(1.5)  # in which the background would have asked

        assert len(server.requests) <= 2  # what the background was about to ask when the answer came
        # A count that met a report is put right by the next one, which in a silence is 15 s later.
        await gauge_is(host, 6, 3 * IDLE_SECONDS)


async def test_without_quota_the_log_says_it_once(server: OpenAIServer, database: str) -> None:
    """One line at level error with what to do, and no warning for each request."""
    async with provider_with(server, database, host_for()) as provider:
        await server.become(Behaviour.STATUS, status=429, code="insufficient_quota")
        with capture_logs() as logs:
            for number in range(5):
                await provider.remember("anna", f"tea {number}")
                await provider.recall("anna", "tea")
            await asyncio.sleep(1.5)

    assert len(server.requests) <= 2
    loud = [log for log in logs if log["log_level"] in {"warning", "error"}]
    assert [(log["event"], "pay the bill" in log["advice"]) for log in loud] == [("embedder_out_of_quota", True)]


@pytest.mark.parametrize("words", [TooLong.OPENAI, TooLong.CODE, TooLong.TEI, TooLong.LLAMA])
async def test_long_memories_do_not_wait_for_ever(server: OpenAIServer, database: str, words: TooLong) -> None:
    """Written while the embedder was away, and after it is back: all have their vectors, and none waits."""
    server.max_input_tokens, server.too_long = 512, words
    long = "The quick brown fox jumps over the lazy dog again and again. " * 100
    assert tokens_of(long) > server.max_input_tokens
    async with open_native_provider(database) as provider:
        await provider.remember_many([NewMemory(owner=Owner("anna"), content=text) for text in ("tea", long, "coffee")])

    async with provider_with(server, database, host := host_for()) as writer:
        await writer.remember("anna", f"Again: {long}")
        await becomes_true(lambda: all_have_vectors(database), 30.0)
        await gauge_is(host, 0)

    assert await count(database, "refused_model IS NOT NULL") == 0


async def all_have_vectors(database: str) -> bool:
    """Whether every memory has one."""
    return await count(database, "embedding IS NULL") == 0


@pytest.mark.parametrize("nonsense", [False, True])
async def test_a_memory_that_no_server_embeds_waits_no_more(
    server: OpenAIServer, database: str, *, nonsense: bool
) -> None:
    """Refused for what it says, or given NaN for a vector: the gauge returns to zero, the others have vectors."""
    (server.nonsense if nonsense else server.poison).add("poison")
    async with provider_with(server, database, host := host_for()) as provider:
        await provider.remember_many(
            [NewMemory(owner=Owner("anna"), content=text) for text in ("tea", "poison", "coffee")]
        )
        await becomes_true(lambda: is_refused(database))
        await gauge_is(host, 0)
        assert await count(database, "embedding IS NOT NULL") == 2
        assert "poison" in await contents(provider, "poison")

    assert refused_of(host) == 1


async def is_refused(database: str) -> bool:
    """Whether one memory has been refused and the others have a vector."""
    return await count(database, "embedding IS NULL") == await count(database, "refused_model IS NOT NULL") == 1


@pytest.mark.parametrize("width", [MAX_DIMENSIONS, MAX_DIMENSIONS + 1])
async def test_vectors_wider_than_the_database_holds_are_none(server: OpenAIServer, database: str, width: int) -> None:
    """Requests are served by words, and the log says what to configure; the widest that it holds are kept."""
    server.width = width
    fits = width <= MAX_DIMENSIONS
    async with provider_with(server, database, host_for()) as provider:
        with capture_logs() as logs:
            await provider.remember("anna", "tea")
            found = await asked(provider, "tea")
            [memory] = found.memories
            await provider.update("anna", memory.id, content="masala tea")
            again = await asked(provider, "tea")
            assert [hit.content for hit in again.memories] == ["masala tea"]
            assert await provider.remember_many([NewMemory(owner=Owner("anna"), content="coffee")])

    assert await count(database, f"embedding_dims = {width}") == (2 if fits else 0)
    assert found.degraded == again.degraded == (() if fits else ("no_vector",))
    assert {log["event"] for log in logs if log["log_level"] == "error"} == set()
    told = [log["reason"] for log in logs if log["log_level"] == "warning"]
    assert bool(told) != fits
    assert all("16001 dimensions are more than the 16000" in one and "embedder.dimensions" in one for one in told)


async def test_a_former_embedder_may_be_too_wide(database: str) -> None:
    """Questions are answered without it, and marked."""
    wide = HashingEmbedder(MAX_DIMENSIONS + 1, "test/wide")
    async with open_native_provider(database, HashingEmbedder(), [wide]) as provider:
        await provider.remember("anna", "tea")
        found = await asked(provider, "tea")

    assert [hit.content for hit in found.memories] == ["tea"]
    assert found.degraded == ("no_vector",)
