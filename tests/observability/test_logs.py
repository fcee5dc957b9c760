"""What is logged of a request, and what never is."""

import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from io import StringIO, TextIOWrapper
from pathlib import Path
from typing import TextIO
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
import structlog
from litestar import Litestar

from observability.logs import LineLogger, configure_logs, timestamp
from observability.tracebacks import format_without_words
from providers.measured import MeasuredProvider
from providers.native.embedded import EmbeddedServer
from tests.support.api import PROBLEM, Api, asgi_client, fresh_user, running_app
from tests.support.babbling import babbling_provider
from tests.support.canary import CANARY, Log, careless_api, everything_about, logged_into_memory
from tests.support.postgres import create_database, drop_database


@pytest.fixture
def log() -> Iterator[Log]:
    """Log everything into memory for the time of one test."""
    with logged_into_memory() as log:
        yield log


@pytest_asyncio.fixture
async def app(log: Log) -> AsyncIterator[Litestar]:
    """An application over memory alone that logs there."""
    assert log.stream.writable()
    async with running_app({"MEMORY_PROVIDER": "mock"}) as opened:
        yield opened


@pytest_asyncio.fixture
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with asgi_client(app) as client:
        yield client


def unread_pipe() -> TextIO:
    """A pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    return TextIOWrapper(os.fdopen(writer, "wb", buffering=0), write_through=True)


def full_disk() -> TextIO:
    """A file for which no space is left."""
    return TextIOWrapper(Path("/dev/full").open("wb", buffering=0), write_through=True)


def closed_stream() -> TextIO:
    """A stream that is closed."""
    stream = StringIO()
    stream.close()
    return stream


def raised(error: Exception) -> Exception:
    """The error, with a place where it was raised."""
    with pytest.raises(type(error)):
        raise error
    return error


def told(error: Exception) -> str:
    """A raised error as the log tells it."""
    return format_without_words((type(error), raised(error), error.__traceback__))


async def test_a_request_is_one_line(http: httpx.AsyncClient, log: Log) -> None:
    """The access line has these fields and no others."""
    response = await Api(http, fresh_user()).remember("tea")

    [line] = log.events("request")
    assert datetime.fromisoformat(line["timestamp"]).utcoffset() == timedelta(0)
    assert line["ms"] > 0
    assert line == {
        "event": "request",
        "logger": "ninai.access",
        "level": "info",
        "timestamp": line["timestamp"],
        "request_id": response.headers["x-request-id"],
        "method": "POST",
        "route": "/memory/remember",
        "status": 200,
        "ms": line["ms"],
        "caller": "anonymous",
        "client": "127.0.0.1",
        "provider": "mock",
    }


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/metrics", "/memory/health", "/console", "/console/files/console.js"]
)
async def test_probes_are_quiet(http: httpx.AsyncClient, log: Log, path: str) -> None:
    """What is asked every few seconds is logged for debugging alone."""
    await http.get(path)

    assert [line["level"] for line in log.events("request")] == ["debug"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/console/files/none"), ("POST", "/console/login")])
async def test_what_the_console_refuses_is_not_quiet(http: httpx.AsyncClient, log: Log, method: str, path: str) -> None:
    """Nor is what an operator does there: only what comes by itself is."""
    await http.request(method, path)

    assert [line["level"] for line in log.events("request")] == ["info"]


async def test_what_could_not_be_served_is_told(postgres_server: EmbeddedServer, log: Log) -> None:
    """By method and route, never by the path, and with what became of asking each provider."""
    dsn = await create_database(postgres_server)
    async with running_app({"DATABASE_URL": dsn}) as app, asgi_client(app) as http:
        await drop_database(postgres_server, dsn)
        response = await http.get(f"/memory/memories/{uuid4()}")

    [line] = log.events("unavailable")
    assert response.status_code == 503
    assert (line["level"], line["method"], line["route"]) == ("warning", "GET", "/memory/memories/{memory_id}")
    assert line["providers"] == {"native": "misconfigured"}


async def test_a_refused_request_is_a_line_too(http: httpx.AsyncClient, log: Log) -> None:
    """What the router refuses is logged without the path that the client made up."""
    await http.get(f"/{CANARY}", params={CANARY: CANARY})

    [line] = log.events("request")
    assert (line["status"], line["route"], line["caller"], line["provider"]) == (404, "unmatched", None, None)
    assert CANARY not in log.text()


async def test_what_users_say_is_not_logged(http: httpx.AsyncClient, log: Log) -> None:
    """Content, metadata, questions, users and keys stay out of the log, whether requests succeed or not."""
    api = careless_api(http)
    await everything_about(api)
    for body in (b'{"content":"' + CANARY.encode() + b'\\ud800"}', b'{"' + CANARY.encode() + b'":1}', CANARY.encode()):
        await api.send("POST", "/memory/remember", body)
    await api.get(CANARY)
    await api.page(cursor=CANARY)

    assert len(log.events("request")) == 13
    assert CANARY not in log.text()


async def test_a_bug_is_logged_without_what_it_says(app: Litestar, http: httpx.AsyncClient, log: Log) -> None:
    """Of a bug the log tells type and place under the request's id, the client learns nothing, and no text is told."""
    app.state.provider = MeasuredProvider(babbling_provider, lambda: "babbling", app.state.metrics)

    responses = await everything_about(careless_api(http))

    errors = log.events("internal_error")
    assert [response.status_code for response in responses] == [500] * 8
    assert {response.headers["content-type"] for response in responses} == {PROBLEM}
    assert [error["request_id"] for error in errors] == [response.headers["x-request-id"] for response in responses]
    assert all("babbling.py" in error["exception"] for error in errors)
    assert [error["level"] for error in errors] == ["error"] * 8
    assert "KeyError" in log.text()
    assert CANARY not in log.text() + "".join(response.text for response in responses)


async def test_a_lost_database_is_logged_without_what_was_asked(postgres_server: EmbeddedServer, log: Log) -> None:
    """When the database goes away in the middle, the log tells why and not what was to be stored."""
    dsn = await create_database(postgres_server)
    async with running_app({"DATABASE_URL": dsn}) as app, asgi_client(app) as http:
        api = careless_api(http)
        before = await everything_about(api)
        await drop_database(postgres_server, dsn)
        after = await everything_about(api)
        after += await everything_about(api)

    assert {response.status_code for response in before} == {200, 404}
    assert {response.status_code for response in after} <= {200, 503}
    assert len([response for response in after if response.status_code == 503]) >= 12
    assert log.events("unavailable")
    assert not log.events("internal_error")
    assert CANARY not in log.text()
    assert "password" not in log.text()


def test_libraries_come_out_in_the_same_form(log: Log) -> None:
    """What others log with the standard library is a line of JSON like ours, errors without their words."""
    logging.getLogger("library").error("it broke: %s", "badly", exc_info=raised(RuntimeError(CANARY)))

    [line] = log.events("it broke: badly")
    assert (line["logger"], line["level"]) == ("library", "error")
    assert line["exception"].endswith("\nRuntimeError")
    assert CANARY not in log.text()


@pytest.mark.parametrize("library", ["httpx", "httpcore.http11", "httpx2", "httpcore2.http11", "openai._base_client"])
def test_requests_to_backends_are_no_lines(log: Log, library: str) -> None:
    """What clients tell of each request holds users' ids, and would be a line for each embedding."""
    configure_logs("json", "debug", log.stream)
    logging.getLogger(library).info("HTTP Request: GET http://mem0/memories?user_id=priya")
    logging.getLogger(library).debug("Request options: what a user remembers")

    assert log.text() == ""


def test_text_is_as_silent_as_json(log: Log) -> None:
    """The form for a terminal leaves out the same."""
    configure_logs("text", "info", log.stream)
    logger = structlog.get_logger("test")
    logger.debug("too quiet")
    logger.error("internal_error", exc_info=raised(RuntimeError(CANARY)))

    assert "internal_error" in log.text()
    assert "RuntimeError" in log.text()
    assert "too quiet" not in log.text()
    assert CANARY not in log.text()


def test_a_value_that_is_no_json_is_written_all_the_same(log: Log) -> None:
    """An event is never lost because of what it holds."""
    structlog.get_logger("test").info("odd", value=object, text="a\nb\x1b[0m\ud800")

    [line] = log.events("odd")
    assert line["value"] == "<class 'object'>"
    assert len(log.text().splitlines()) == 1


@pytest.mark.parametrize(
    ("opened", "refusal"), [(unread_pipe, BrokenPipeError), (full_disk, OSError), (closed_stream, ValueError)]
)
def test_a_line_that_cannot_be_written_is_lost(opened: Callable[[], TextIO], refusal: type[Exception]) -> None:
    """Whoever logs goes on when the log takes nothing."""
    with closing(opened()) as stream:
        with pytest.raises(refusal):
            stream.write("refused")

        LineLogger(stream, "test").info("lost")


def test_an_error_of_our_own_keeps_its_words() -> None:
    """What our packages raise is written to be read."""
    from providers.postgres.translate import UnexpectedSqlState

    assert told(UnexpectedSqlState("22023")).endswith("providers.postgres.translate.UnexpectedSqlState: 22023")


def test_a_chain_of_errors_is_told_in_order() -> None:
    """Causes come first, then what they led to, and a suppressed one not at all."""
    cause = KeyError(CANARY)
    because = ValueError(CANARY)
    because.__cause__ = cause
    instead = ValueError(CANARY)
    instead.__context__ = cause
    instead.__suppress_context__ = True

    assert told(because).index("KeyError") < told(because).index("direct cause") < told(because).index("ValueError")
    assert "KeyError" not in told(instead)
    assert CANARY not in told(because) + told(instead)


def test_a_circle_of_errors_ends() -> None:
    """Errors that are each other's cause are told once each."""
    first, second = KeyError(CANARY), ValueError(CANARY)
    first.__cause__, second.__cause__ = second, first

    assert told(first).count("KeyError") == 1
    assert told(first).count("ValueError") == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000000Z"),
        (1_700_000_000.000001, "2023-11-14T22:13:20.000001Z"),
        (1_700_000_000.999999, "2023-11-14T22:13:20.999999Z"),
        (1_700_000_000.9999999, "2023-11-14T22:13:21.000000Z"),
    ],
)
def test_a_moment_is_told_in_microseconds(seconds: float, text: str) -> None:
    """Rounded, also into the next second."""
    assert timestamp(seconds) == text
