"""What the clients do about answers that are not what was hoped for; no time passes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

import ninaivalaigal as package
from ninaivalaigal import AsyncClient, Client, Retries
from ninaivalaigal.attempts import retry_after
from ninaivalaigal.connection import LONGEST_ANSWER
from tests.support.scripted_http import ScriptedHttp

STORED = {"memory_id": "1", "status": "stored"}
BUSY = {"type": "urn:ninai:problem:overloaded", "title": "Busy", "status": 503, "detail": "later"}
PROBLEM = {"Content-Type": "application/problem+json"}


def stored(status: int = 200, **headers: str) -> httpx.Response:
    """The answer to a memory."""
    return httpx.Response(
        status, json=STORED, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def busy(after: str | None = None, status: int = 503) -> httpx.Response:
    """The answer of a service that has too much to do."""
    return httpx.Response(status, json=BUSY, headers=PROBLEM | ({"Retry-After": after} if after else {}))


def client_of(script: ScriptedHttp, pauses: list[float], **retries: float) -> Client:
    """A client whose pauses are noted, and last as long as they may."""
    http = httpx.Client(transport=script)
    return Client(http=http, sleep=pauses.append, chance=lambda: 1.0, retries=Retries(**retries))  # type: ignore[arg-type]


def test_a_write_is_repeated_under_the_same_key() -> None:
    """After the pause that the service asks for and some more, or after one that doubles."""
    pauses: list[float] = []
    script = ScriptedHttp(busy("3"), httpx.ConnectError("no"), busy(status=502), stored())

    answer = client_of(script, pauses).remember("x")

    assert pauses == [3.2, 0.4, 0.8]
    assert answer.facts
    assert answer.facts.attempts == 4
    assert len(set(script.headers("Idempotency-Key"))) == 1
    assert None not in script.headers("Idempotency-Key")


async def test_the_asynchronous_client_does_the_same() -> None:
    """With pauses of its own."""
    pauses: list[float] = []
    script = ScriptedHttp(busy("3"), httpx.ReadTimeout("no"), stored())

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async with httpx.AsyncClient(transport=script) as http:
        answer = await AsyncClient(http=http, sleep=sleep, chance=lambda: 0.5).remember("x")

    assert (pauses, answer.memory_id) == ([3.1, 0.2], "1")


def test_what_fails_to_the_end_says_how_to_go_on() -> None:
    """The key with which the call takes effect once, and the cause."""
    pauses: list[float] = []
    script = ScriptedHttp(httpx.ReadError("broken"))

    with pytest.raises(package.NoAnswer, match="broken") as raised:
        client_of(script, pauses, attempts=2).remember("x", idempotency_key="mine")

    assert (len(script.requests), len(pauses), raised.value.idempotency_key) == (2, 1, "mine")
    assert isinstance(raised.value.__cause__, httpx.ReadError)


@pytest.mark.parametrize(("after", "requests"), [("10", 2), ("11", 1)])
def test_a_pause_has_a_longest_length(after: str, requests: int) -> None:
    """A service that asks for more is not waited for."""
    script = ScriptedHttp(busy(after))

    with pytest.raises(package.TemporarilyUnavailable) as raised:
        client_of(script, [], attempts=2).recall("x")

    assert (len(script.requests), raised.value.retry_after) == (requests, float(after))


@pytest.mark.parametrize(
    ("status", "error", "requests"),
    [
        (400, package.InvalidRequest, 1),
        (401, package.NotAuthenticated, 1),
        (403, package.NotAllowed, 1),
        (404, package.NotFound, 1),
        (409, package.Conflicting, 1),
        (410, package.Gone, 1),
        (429, package.TemporarilyUnavailable, 2),
        (500, package.ServiceFailed, 1),
        (501, package.NotServed, 1),
        (503, package.TemporarilyUnavailable, 2),
        (504, package.TemporarilyUnavailable, 2),
    ],
)
def test_only_what_may_change_is_repeated(status: int, error: type[package.Refused], requests: int) -> None:
    """A proxy's page is a problem as well; its beginning is the detail."""
    script = ScriptedHttp(httpx.Response(status, html="<h1>sorry</h1>" * 100))

    with pytest.raises(error) as raised:
        client_of(script, [], attempts=2).get("1")

    assert (type(raised.value), len(script.requests)) == (error, requests)
    assert (raised.value.status, raised.value.problem.detail[:9]) == (status, "<h1>sorry")


@pytest.mark.parametrize(
    ("name", "error"), [("cursor-lost", package.LostCursor), ("session-lost", package.LostSession)]
)
def test_the_type_tells_conflicts_apart(name: str, error: type[package.Refused]) -> None:
    """What is to be done differs."""
    problem = {"type": f"urn:ninai:problem:{name}", "title": "t", "status": 409, "detail": "d"}
    script = ScriptedHttp(httpx.Response(409, json=problem, headers=PROBLEM))

    with pytest.raises(error) as raised:
        client_of(script, []).list_memories()

    assert raised.value.type == problem["type"]


def test_an_accepted_write_and_its_reasons_are_visible() -> None:
    """Beside the position that a read may carry."""
    script = ScriptedHttp(
        stored(202, Memory_Provider="journal", Memory_Degraded="home_timeout, partial", Memory_Session="s.1")
    )

    answer = client_of(script, []).remember("x")

    assert (answer.accepted, answer.degraded) == (True, ("home_timeout", "partial"))
    assert answer.facts
    assert (answer.facts.provider, answer.facts.memory_session) == ("journal", "s.1")


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"\xff"])
def test_an_answer_that_is_none_is_an_error(body: bytes) -> None:
    """Something else listens there."""
    script = ScriptedHttp(httpx.Response(200, content=body))

    with pytest.raises(package.UnexpectedAnswer, match="/memory/remember"):
        client_of(script, []).remember("x")

    assert len(script.requests) == 1


def test_a_service_that_cannot_serve_is_an_answer() -> None:
    """One that has too much to do to answer is not."""
    sick = httpx.Response(503, json={"healthy": False, "provider": "p", "error": "gone"})
    script = ScriptedHttp(busy(), sick)

    health = client_of(script, []).health()

    assert (health.healthy, health.error, len(script.requests)) == (False, "gone", 2)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("", None), ("7", 7.0), ("-1", None), ("soon", None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)],
)
def test_a_time_to_try_again_is_seconds_or_a_date(written: str, seconds: float | None) -> None:
    """Anything else is none."""
    assert retry_after(busy(written or None)) == seconds


def test_a_date_to_try_again_may_come() -> None:
    """It is counted from now on."""
    seconds = retry_after(busy(format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)))

    assert seconds is not None
    assert 3_000 < seconds <= 3_600


@pytest.mark.parametrize(
    ("user", "header", "written"),
    [
        ("priya_1-~.x", "X-User-ID", "priya_1-~.x"),
        ("a b", "X-User-ID*", "UTF-8''a%20b"),
        ("50%", "X-User-ID*", "UTF-8''50%25"),
        ("用", "X-User-ID*", "UTF-8''%E7%94%A8"),
    ],
)
def test_a_user_of_any_script_has_a_header(user: str, header: str, written: str) -> None:
    """One of the two alone."""
    script = ScriptedHttp(stored())

    client_of(script, []).remember("x", user=user)

    sent = {name: value for name, value in script.requests[0].headers.items() if name.startswith("x-user")}
    assert sent == {header.lower(): written}


@pytest.mark.parametrize(("timeout", "seconds"), [(None, LONGEST_ANSWER), (0.0015, 5.0015)])
def test_a_call_waits_longer_than_the_service_may_take(timeout: float | None, seconds: float) -> None:
    """The service is told its time in milliseconds."""
    script = ScriptedHttp(stored())

    client_of(script, []).remember("x", timeout=timeout)

    [request] = script.requests
    assert request.extensions["timeout"]["read"] == seconds
    assert request.headers.get("X-Request-Timeout-Ms") == (None if timeout is None else "2")


def test_the_trace_of_the_caller_goes_on() -> None:
    """Within a span; without one there is no header."""
    script = ScriptedHttp(stored())
    client = client_of(script, [])
    span = NonRecordingSpan(SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=TraceFlags(1)))

    client.remember("x")
    with trace.use_span(span):
        client.remember("x")

    assert script.headers("traceparent") == [None, f"00-{0xABC:032x}-{0xDEF:016x}-01"]


def test_a_given_client_of_httpx_stays_open() -> None:
    """One of our own is closed."""
    http = httpx.Client(transport=ScriptedHttp(stored()))
    with Client(http=http) as client:
        client.remember("x")
    http.close()

    own = Client()
    own.close()
    for closed in (Client(http=http), own):
        with pytest.raises(RuntimeError, match="closed"):
            closed.remember("x")


@pytest.mark.parametrize("method", [Client.remember, AsyncClient.remember])
def test_methods_show_what_they_take(method: Callable[..., object]) -> None:
    """Their parameters and what they do."""
    assert str(method.__doc__).startswith("Store a memory")
    assert list(method.__signature__.parameters) == ["self", "content", "details"]  # type: ignore[attr-defined]
