"""The spans below a request: providers, the journal, statements, embedders and requests to others, as one tree."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import make_url

from observability import notes, tracing
from observability.notes import Notes
from observability.tracing import NOTHING, Tracer
from providers.group_commit import Combiner
from providers.postgres.tracing import described
from tests.support.api import Api, asgi_client, fresh_user, running_app
from tests.support.chains import wait_until_complete
from tests.support.fickle_http import Behaviour, FickleHttp
from tests.support.mem0_spec import SpecServer
from tests.support.openai_server import OpenAIServer
from tests.support.otlp import Collector
from tests.support.postgres import connected

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that takes everything."""
    with Collector() as collector:
        yield collector


@asynccontextmanager
async def traced_api(collector: Collector, environ: Mapping[str, str]) -> AsyncIterator[Api]:
    """An application that sends its spans there, the last of them at its end."""
    async with (
        running_app({"NINAI__TRACING__ENDPOINT": collector.base_url, **environ}) as app,
        asgi_client(app) as http,
    ):
        await wait_until_complete(http)
        yield Api(http, fresh_user())


async def recall(api: Api) -> int:
    """Ask within the trace that is looked at."""
    return (await api.request("POST", "/memory/recall", json={"query": "tea"}, headers=SAMPLED)).status_code


async def test_a_statement_is_told_without_its_values(collector: Collector, database: str) -> None:
    """Each statement is a span with its text, in which placeholders stand for values and literals."""
    async with traced_api(collector, {"DATABASE_URL": database}) as api:
        await api.stored("a cup of tea")
        assert await recall(api) == 200

    [search] = [span for span in collector.trace(TRACE) if "db.system.name" in span.attributes]
    assert (search.name, search.kind) == ("SELECT ninai_memories", "CLIENT")
    text = search.attributes.pop("db.query.text")
    assert search.attributes == {
        "db.system.name": "postgresql",
        "db.namespace": make_url(database).database,
        "db.operation.name": "SELECT",
        "db.collection.name": "ninai_memories",
    }
    assert "$1" in str(text)
    assert "'" not in str(text)
    assert api.user not in collector.everything


async def test_a_failing_statement_tells_its_code(collector: Collector, database: str) -> None:
    """What the database refuses fails the span, by the class of the error and its SQLSTATE, not by its words."""
    async with traced_api(collector, {"DATABASE_URL": database}) as api:
        await api.stored("tea")
        async with connected(database) as connection:
            await connection.execute("ALTER TABLE ninai_memories RENAME TO lost")
        assert (await api.request("GET", "/memory/memories", headers=SAMPLED)).status_code == 503

    [search] = [span for span in collector.trace(TRACE) if "db.system.name" in span.attributes]
    assert search.error
    assert search.attributes["db.response.status_code"] == "42P01"
    assert search.attributes["error.type"] == "ProgrammingError"
    assert "does not exist" not in collector.everything


@pytest.mark.parametrize(
    ("statement", "name", "text"),
    [
        ("SELECT a FROM ninai_memories WHERE b = $1 AND c = 'it''s'", "SELECT ninai_memories", None),
        ("WITH x AS (SELECT f(1.5) FROM ninai_f(2)) SELECT * FROM x, y JOIN ninai_b ON true", "SELECT ninai_b", None),
        ("WITH x AS (SELECT 1) INSERT INTO ninai_memories SELECT * FROM x", "INSERT ninai_memories", None),
        ("SELECT 1 FROM ninai_a FOR UPDATE OF ninai_a -- a comment's\n WHERE 2", "SELECT ninai_a", None),
        ("INSERT INTO ninai_a VALUES ($1) ON CONFLICT DO UPDATE SET b = 1", "INSERT ninai_a", None),
        ("DELETE FROM ninai_a", "DELETE ninai_a", "DELETE FROM ninai_a"),
        ("CREATE TABLE t (a int)", "CREATE", "CREATE TABLE t (a int)"),
        ("", "SQL", ""),
    ],
)
def test_statements_are_described(statement: str, name: str, text: str | None) -> None:
    """The name says what is done to which table, and no literal is left in the text."""
    told = described(statement)

    assert told.name == name
    assert text in {None, told.text}
    assert "'" not in told.text
    assert not set(told.text.replace("$1", "")) & set("0123456789")


async def test_embedder_and_its_server_belong_to_the_trace(collector: Collector, database: str) -> None:
    """A call to the embedder is a span, and its request to an OpenAI-compatible server, which is told of the trace."""
    async with OpenAIServer() as server:
        environ = {"DATABASE_URL": database, "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": server.base_url}
        async with traced_api(collector, environ) as api:
            assert await recall(api) == 200
        # The first of all, which warms up, belongs to no request.
        sent = [request.headers["traceparent"] for request in server.requests if "traceparent" in request.headers]

    [embedding] = [span for span in collector.trace(TRACE) if span.name == "embed"]
    [request] = [span for span in collector.trace(TRACE) if span.name == "POST /embeddings"]
    assert embedding.attributes == {"ninai.embedder.model": "openai/text-embedding-ada-002", "ninai.texts": 1}
    assert (request.kind, request.parent, request.error) == ("CLIENT", embedding.id, False)
    assert request.attributes["http.response.status_code"] == 200
    assert [value[:52] for value in sent] == [f"00-{TRACE}-{request.id}"]


async def test_mem0_belongs_to_the_trace(collector: Collector) -> None:
    """A request to mem0 is a span that is named for its template, and mem0 is told of it."""
    async with SpecServer() as server:
        environ = {
            "MEMORY_PROVIDER": "http",
            "MEM0_BASE_URL": server.base_url,
            "NINAI__PROVIDERS__MEM0__DIALECT": "spec",
        }
        async with traced_api(collector, environ) as api:
            memory_id = await api.stored("tea")
            await api.request("DELETE", f"/memory/memories/{memory_id}", headers=SAMPLED)
        sent = {request.headers["traceparent"] for request in server.requests if "traceparent" in request.headers}

    requests = [span for span in collector.trace(TRACE) if "url.template" in span.attributes]
    [removal] = [span for span in requests if span.attributes["http.request.method"] == "DELETE"]
    assert removal.name == "DELETE /v1/memories/{id}/"
    assert removal.attributes.keys() == {
        "http.request.method",
        "http.response.status_code",
        "server.address",
        "server.port",
        "url.template",
    }
    assert {f"00-{TRACE}-{span.id}" for span in requests} <= {value[:52] for value in sent}
    assert api.user not in collector.everything


def mem0_and_mock(proxy: FickleHttp) -> dict[str, str]:
    """A chain whose home is a mem0 behind a proxy, and whose standby is in memory."""
    return {
        "NINAI__ORDER": "mem0,mock",
        "NINAI__PROVIDERS__MOCK__KIND": "mock",
        "NINAI__PROVIDERS__MEM0__KIND": "mem0",
        "NINAI__PROVIDERS__MEM0__DIALECT": "spec",
        "NINAI__PROVIDERS__MEM0__BASE_URL": proxy.base_url,
    }


async def test_a_fallback_shows_both_attempts(collector: Collector) -> None:
    """The provider that did not answer, with its tries, and the one that did stand side by side in one operation."""
    async with (
        SpecServer() as server,
        FickleHttp(server.base_url) as proxy,
        traced_api(collector, mem0_and_mock(proxy)) as api,
    ):
        await api.stored("tea")
        await proxy.become(Behaviour.DOWN)
        assert await recall(api) == 200

    [tree] = collector.trees(TRACE)
    [operation] = tree.pieces
    names = [piece.name for piece in operation.pieces]
    assert names[0] == "journal look"
    assert set(names[1:-2]) == {"recall mem0"}
    assert names[-2:] == ["journal look", "recall mock"]  # what the other one lacks is another question
    tries = [span for span in collector.trace(TRACE) if span.name == "recall mem0"]
    assert [span.attributes["ninai.try"] for span in tries] == list(range(1, len(tries) + 1))
    assert {(span.error, span.attributes["ninai.outcome"]) for span in tries} == {(True, "unavailable")}
    [told] = [span for span in collector.trace(TRACE) if span.name == "recall"]
    assert told.attributes["ninai.provider"] == "mock"
    assert told.attributes["ninai.degraded"] == ["home_unavailable"]
    assert not told.error


async def test_a_hedge_is_told_from_the_call_that_it_hedges(collector: Collector) -> None:
    """Both are tries within one operation, and the slow one was given up."""
    async with SpecServer() as server, FickleHttp(server.base_url) as proxy:
        environ = {**mem0_and_mock(proxy), "NINAI__CHAIN__HEDGING__MOST_PATIENCE": "0.1"}
        async with traced_api(collector, environ) as api:
            await api.stored("tea")
            await proxy.become(Behaviour.HANG)
            assert (await api.request("GET", "/memory/memories", headers=SAMPLED)).status_code == 200
            await proxy.become(Behaviour.OK)

    spans = {span.name: span for span in collector.trace(TRACE) if span.name in {"read mem0", "read mock"}}
    hedges = {name: span.attributes.get("ninai.hedge") for name, span in spans.items()}
    assert hedges == {"read mem0": None, "read mock": True}
    assert spans["read mem0"].attributes["ninai.outcome"] == "cancelled"
    [told] = [span for span in collector.trace(TRACE) if span.name == "list_memories"]
    assert (told.attributes["ninai.provider"], told.attributes["ninai.degraded"]) == ("mock", ["home_slow"])


async def test_what_is_combined_is_traced_for_the_first() -> None:
    """A batch of several writes is a piece of its first, not of whoever has begun the task that stores them."""

    class Named(tracing.Span):
        """A span that is told apart."""

    stored_for: list[tracing.Span] = []
    gate = asyncio.Event()

    async def store(items: list[int]) -> list[int]:
        stored_for.append(tracing.current.get())
        await gate.wait()
        return list(items)

    combiner: Combiner[int, int] = Combiner(store, lanes=1)  # type: ignore[arg-type] # a list is a sequence
    first, second, third = Named(), Named(), Named()
    tasks = []
    for span in (first, second, third):
        tracing.current.set(span)
        tasks.append(asyncio.create_task(combiner.put(1)))
        await asyncio.sleep(0)
    tracing.current.set(NOTHING)
    gate.set()
    await asyncio.gather(*tasks)

    assert stored_for == [first, second]


def test_a_detached_task_is_no_piece_of_what_began_it() -> None:
    """Its context has everything but the span and the request."""
    span, request = tracing.current.set(tracing.Span()), notes.current.set(Notes("a request"))
    context = tracing.detached()
    tracing.current.reset(span)
    notes.current.reset(request)

    assert context[tracing.current] is NOTHING
    assert context[notes.current] is None


def test_a_tracer_without_a_way_to_begin_traces_nothing() -> None:
    """What is off gives the same span that does nothing to everybody."""
    tracer = Tracer()

    with tracer.root("anything", tracing.Kind.INTERNAL, traceparent="00") as span:
        span.set("a", 1)
        span.rename("b")
        span.fail("c")
        assert tracing.span("piece") is NOTHING
    assert (span.trace_id, span.span_id, span.traceparent, span.exemplar) == ("", "", None, None)
    assert not span.recorded
