"""The span of a request: whose trace it goes on with, what it is called, and what the log says of it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest

from observability import tracing
from observability.tracing import NOTHING
from tests.support.api import ABSENT_ID, Api, asgi_client, fresh_user, running_app
from tests.support.canary import Log, logged_into_memory
from tests.support.otlp import Collector, Span

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that takes everything."""
    with Collector() as collector:
        yield collector


@pytest.fixture
def log() -> Iterator[Log]:
    """Log everything into memory for the time of one test."""
    with logged_into_memory() as log:
        yield log


@asynccontextmanager
async def traced_api(collector: Collector, **variables: str) -> AsyncIterator[Api]:
    """An application over memory that sends its spans there, the last of them at its end."""
    environ = {"MEMORY_PROVIDER": "mock", "NINAI__TRACING__ENDPOINT": collector.base_url, **variables}
    async with running_app(environ) as app, asgi_client(app) as http:
        yield Api(http, fresh_user())


def only(spans: list[Span]) -> Span:
    """The one span there is."""
    [span] = spans
    return span


async def test_a_request_goes_on_with_its_callers_trace(collector: Collector) -> None:
    """The span of the request is a child of the one in `traceparent`, and everything below is of the same trace."""
    async with traced_api(collector) as api:
        await api.request("POST", "/memory/recall", json={"query": "tea"}, headers={"traceparent": SAMPLED})

    request = only(collector.named("POST /memory/recall"))
    assert (request.trace, request.parent, request.kind) == (TRACE, PARENT, "SERVER")
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/memory/recall",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "network.protocol.version": "1.1",
    }
    assert not request.error
    assert [span.name for span in collector.trace(TRACE)] == ["POST /memory/recall", "recall", "recall mock"]


async def test_operation_and_attempt_say_who_answered(collector: Collector) -> None:
    """The operation is within the process, the try at a provider a call; both tell how they ended."""
    async with traced_api(collector, NINAI__TRACING__SERVICE_NAME="memories") as api:
        await api.stored("tea")

    operation, attempt = only(collector.named("remember")), only(collector.named("remember mock"))
    assert (operation.kind, attempt.kind) == ("INTERNAL", "CLIENT")
    assert operation.attributes == {"ninai.provider": "mock", "ninai.outcome": "ok"}
    assert attempt.attributes == {"ninai.provider": "mock", "ninai.outcome": "ok", "ninai.try": 1}
    assert attempt.parent == operation.id
    assert operation.service == "memories"


@pytest.mark.parametrize(
    "traceparent",
    [
        "nonsense",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        "",
    ],
)
async def test_a_malformed_traceparent_is_as_good_as_none(collector: Collector, traceparent: str) -> None:
    """What is no trace context begins a trace of its own, and harms nobody."""
    async with traced_api(collector) as api:
        answer = await api.request("GET", "/memory/memories", headers={"traceparent": traceparent})

    request = only(collector.named("GET /memory/memories"))
    assert answer.status_code == 200
    assert request.parent == ""
    assert request.trace != TRACE


async def test_of_two_traceparents_none_is_believed(collector: Collector) -> None:
    """A request that says twice where it belongs begins a trace of its own."""
    async with traced_api(collector) as api:
        await api.http.get("/livez", headers=[("traceparent", SAMPLED), ("traceparent", SAMPLED)])

    assert only(collector.named("GET /livez")).parent == ""


async def test_spans_are_named_for_routes(collector: Collector) -> None:
    """No name or attribute holds a path: of one that matches nothing only the method is told, if even that is known."""
    async with traced_api(collector) as api:
        await api.get(ABSENT_ID)
        await api.request("GET", "/secret/path")
        await api.request("BREW", "/memory/recall")

    roots = [span for span in collector.spans if span.kind == "SERVER"]
    assert [span.name for span in roots] == ["GET /memory/memories/{memory_id}", "GET", "HTTP"]
    assert [span.attributes["http.request.method"] for span in roots] == ["GET", "GET", "_OTHER"]
    assert ABSENT_ID not in collector.everything
    assert "secret" not in collector.everything


async def test_an_answer_is_no_error(collector: Collector) -> None:
    """That a memory is not there is told as the outcome, and fails no span."""
    async with traced_api(collector) as api:
        await api.get(ABSENT_ID)

    assert [span.error for span in collector.spans] == [False, False, False]
    assert only(collector.named("get")).attributes["ninai.outcome"] == "not_found"


async def test_without_an_endpoint_nothing_is_traced(log: Log) -> None:
    """By default there is no span, no id in the log, and nothing that a caller could bring about."""
    async with running_app({"MEMORY_PROVIDER": "mock"}) as app, asgi_client(app) as http:
        await http.get("/memory/memories", headers={"traceparent": SAMPLED})

    assert tracing.span("anything") is NOTHING
    assert "trace_id" not in log.text()


async def test_lines_of_the_log_name_their_span(collector: Collector, log: Log) -> None:
    """A line that is written for a request has the ids of its span beside that of the request."""
    async with traced_api(collector) as api:
        await api.request("GET", "/memory/memories", headers={"traceparent": SAMPLED})
        await api.request("GET", "/memory/memories")

    first, second = log.events("request")
    assert (first["trace_id"], first["span_id"]) == (TRACE, collector.trace(TRACE)[0].id)
    assert second["trace_id"] not in {TRACE, ""}
    assert first["request_id"] != second["request_id"]


async def test_what_is_not_sampled_is_not_sent(collector: Collector, log: Log) -> None:
    """With a ratio of 0 only what a caller wants to have traced is exported; the log has the ids all the same."""
    async with traced_api(collector, NINAI__TRACING__RATIO="0") as api:
        await api.stored("tea")
        await api.request("GET", "/memory/memories", headers={"traceparent": SAMPLED})

    assert {span.trace for span in collector.spans} == {TRACE}
    assert [len(event["trace_id"]) for event in log.events("request")] == [32, 32]


async def test_a_caller_can_decline(collector: Collector) -> None:
    """A `traceparent` without the flag for sampled is heeded, whatever the ratio."""
    async with traced_api(collector) as api:
        await api.request("GET", "/memory/memories", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})

    assert collector.spans == []


async def test_headers_go_to_the_collector(collector: Collector) -> None:
    """What the collector asks for is sent with every batch."""
    async with traced_api(collector, NINAI__TRACING__HEADERS__AUTHORIZATION="Bearer k") as api:
        await api.http.get("/livez")

    assert {headers["authorization"] for headers in collector.headers} == {"Bearer k"}


async def test_exemplars_lead_to_traces(collector: Collector) -> None:
    """The histograms of requests, operations and attempts name a trace, in the format that has a place for it."""
    async with traced_api(collector) as api:
        await api.request("POST", "/memory/recall", json={"query": "tea"}, headers={"traceparent": SAMPLED})
        opened = await api.http.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
        plain = await api.http.get("/metrics")

    exemplars = {
        line.partition("_bucket")[0] for line in opened.text.splitlines() if f'# {{trace_id="{TRACE}"}}' in line
    }
    assert exemplars == {
        "ninai_http_request_duration_seconds",
        "ninai_operation_duration_seconds",
        "ninai_provider_attempt_duration_seconds",
    }
    assert opened.headers["content-type"].startswith("application/openmetrics-text")
    assert TRACE not in plain.text


async def test_unsampled_requests_leave_no_exemplar(collector: Collector) -> None:
    """An exemplar always leads somewhere."""
    async with traced_api(collector, NINAI__TRACING__RATIO="0") as api:
        await api.stored("tea")
        opened = await api.http.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert "trace_id" not in opened.text


async def test_a_bug_fails_the_span_by_its_status(collector: Collector) -> None:
    """A 5xx is an error of the request, told by its number."""
    async with traced_api(collector, MEMORY_PROVIDER="http", MEM0_BASE_URL="http://127.0.0.1:1") as api:
        answer: httpx.Response = await api.request("POST", "/memory/recall", json={"query": "tea"})

    request = only(collector.named("POST /memory/recall"))
    assert answer.status_code == 503
    assert (request.error, request.attributes["error.type"]) == (True, "503")
    assert only(collector.named("recall")).attributes["error.type"] == "Unreachable"
