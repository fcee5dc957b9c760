"""What mem0's refusals mean, in every dialect and for every call."""

import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest

from providers.errors import InvalidInput, Misconfigured, ProviderError, Throttled, TimedOut, Unavailable
from providers.mem0.dialects.answers import NIL
from providers.mem0.dialects.base import Dialect
from providers.mem0.failures import MAX_RETRY_AFTER
from tests.support.fickle_http import Behaviour, FickleHttp
from tests.support.mem0 import DIALECTS, HMAC_SECRET, KEY, speaking

Ask = Callable[[Dialect], Awaitable[object]]

CANARY = "nobody-may-read-this"
NOBODY = "http://127.0.0.1:9"
JSON = {"content-type": "application/json"}

READS: dict[str, Ask] = {
    "search": lambda dialect: dialect.search("anna", CANARY, 10),
    "everything": lambda dialect: dialect.everything("anna"),
    "find": lambda dialect: dialect.find(["anna"], NIL),
    "fetch": lambda dialect: dialect.fetch("anna", NIL),
    "ping": lambda dialect: dialect.ping(),
}
WRITES: dict[str, Ask] = {
    "add": lambda dialect: dialect.add("anna", NIL, CANARY, {"note": CANARY}),
    "remove": lambda dialect: dialect.remove("anna", NIL),
}
CALLS = READS | WRITES


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[FickleHttp]:
    """A server that answers as a test wants."""
    async with FickleHttp(NOBODY) as fickle:
        yield fickle


@pytest.fixture(scope="module", params=DIALECTS)
async def dialect(request: pytest.FixtureRequest, server: FickleHttp) -> AsyncIterator[Dialect]:
    """One of the dialects, spoken to that server."""
    async with speaking(server.base_url, request.param) as dialect:
        yield dialect


async def errors_of(dialect: Dialect, calls: Mapping[str, Ask]) -> dict[str, ProviderError]:
    """What each call raises; none may succeed."""
    errors = {}
    for name, ask in calls.items():
        with pytest.raises(ProviderError) as caught:
            await ask(dialect)
        errors[name] = caught.value
    return errors


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Misconfigured),
        (402, Misconfigured),
        (403, Misconfigured),
        (405, Misconfigured),
        (410, Misconfigured),
        (400, InvalidInput),
        (413, InvalidInput),
        (422, InvalidInput),
        (408, TimedOut),
        (504, TimedOut),
        (429, Throttled),
        (500, Unavailable),
        (502, Unavailable),
        (503, Unavailable),
    ],
)
async def test_a_status_means_the_same_for_every_call(
    server: FickleHttp, dialect: Dialect, status: int, kind: type[ProviderError]
) -> None:
    """A status has one meaning, in whichever dialect and whatever was asked."""
    await server.become(Behaviour.STATUS, status=status)

    errors = await errors_of(dialect, CALLS)

    assert {name: type(error) for name, error in errors.items()} == dict.fromkeys(CALLS, kind)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
async def test_only_a_write_that_failed_may_have_happened(server: FickleHttp, dialect: Dialect, status: int) -> None:
    """After a failure nobody knows whether a write was stored; a read stores nothing."""
    await server.become(Behaviour.STATUS, status=status)

    errors = await errors_of(dialect, CALLS)

    said = {name: error.ambiguous for name, error in errors.items() if isinstance(error, Unavailable)}
    assert said == dict.fromkeys(READS, False) | dict.fromkeys(WRITES, True)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 429])
async def test_a_refused_write_did_not_happen(server: FickleHttp, dialect: Dialect, status: int) -> None:
    """A request that is turned away has stored nothing."""
    await server.become(Behaviour.STATUS, status=status, body=b'{"detail": "Not Found"}')

    errors = await errors_of(dialect, WRITES)

    assert {name: getattr(error, "ambiguous", None) for name, error in errors.items()} == dict.fromkeys(WRITES, False)


@pytest.mark.parametrize(
    "body",
    [
        b'{"detail": "Not Found"}',
        b'{"detail": "Not found."}',
        b"<!doctype html><title>404 Not Found</title>",
        b"404 page not found",
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
    ],
)
async def test_a_server_without_such_a_path_is_the_wrong_one(server: FickleHttp, dialect: Dialect, body: bytes) -> None:
    """A 404 that is not about a memory means a wrong base URL; no delete takes it for done."""
    await server.become(Behaviour.STATUS, status=404, body=body)

    errors = await errors_of(dialect, CALLS)

    assert {name: type(error) for name, error in errors.items()} == dict.fromkeys(CALLS, Misconfigured)


@pytest.mark.parametrize(
    "body",
    [
        b'{"detail": "Memory not found"}',
        b'{"error": "Memory not found!"}',
        b'{"message": "Memory not found"}',
        b'["No such memory."]',
    ],
)
async def test_a_memory_that_is_gone_is_no_error(server: FickleHttp, dialect: Dialect, body: bytes) -> None:
    """A 404 about a memory is an answer: there is none to get, and to delete it again is as good."""
    await server.become(Behaviour.STATUS, status=404, body=body)
    server.requests.clear()

    assert await dialect.fetch("anna", NIL) is None
    await dialect.remove("anna", NIL)
    assert [one.method for one in server.requests] == ["GET", "DELETE"]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("said", "seconds"),
    [("7", 7.0), (" 7 ", 7.0), ("0", 0.0), ("9" * 5_000, MAX_RETRY_AFTER), ("-5", None), ("1.5", 1.5), ("soon", None)],
)
async def test_the_wait_that_is_asked_for_is_passed_on(
    server: FickleHttp, dialect: Dialect, status: int, said: str, seconds: float | None
) -> None:
    """A request for patience is passed on in seconds, up to an hour; what is none is no reason to fail."""
    await server.become(Behaviour.STATUS, status=status, headers=JSON | {"Retry-After": said})

    errors = await errors_of(dialect, CALLS)

    waits = {name: error.retry_after for name, error in errors.items() if isinstance(error, Throttled)}
    assert waits == dict.fromkeys(CALLS, seconds)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("provider_auth_failed", Unavailable),
        ("provider_bad_request", InvalidInput),
        ("provider_rate_limited", Throttled),
        ("provider_timeout", TimedOut),
        ("upstream_error", Unavailable),
    ],
)
async def test_the_code_of_an_error_says_more_than_its_status(
    server: FickleHttp, dialect: Dialect, code: str, kind: type[ProviderError]
) -> None:
    """mem0's server says 502 to nearly everything; the name it gives to it decides."""
    body = f'{{"detail": "{CANARY}", "code": "{code}", "request_id": "1"}}'.encode()
    await server.become(Behaviour.STATUS, status=502, body=body)

    errors = await errors_of(dialect, CALLS)

    assert {name: type(error) for name, error in errors.items()} == dict.fromkeys(CALLS, kind)


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"a":' * 10_000, b"x" * 100_000, b'{"code": 7}', b"\xff"])
async def test_the_text_of_an_error_cannot_make_it_another(server: FickleHttp, dialect: Dialect, body: bytes) -> None:
    """An error whose body is nested without end, too long, or no text is what its status says."""
    await server.become(Behaviour.STATUS, status=401, body=body)

    errors = await errors_of(dialect, CALLS)

    assert {name: type(error) for name, error in errors.items()} == dict.fromkeys(CALLS, Misconfigured)


@pytest.mark.parametrize("status", [200, 400, 404, 429, 502])
@pytest.mark.parametrize("shape", ['{"detail": "%s"}', '["%s"]', '{"results": "%s", "memories": "%s"}', "%s"])
async def test_no_error_quotes_memories_or_keys(server: FickleHttp, dialect: Dialect, status: int, shape: str) -> None:
    """A server that sends back what it was sent does not bring it into our errors, nor into their causes."""
    said = shape.replace("%s", f"{CANARY} {KEY} {HMAC_SECRET}")
    await server.become(Behaviour.STATUS, status=status, body=said.encode())

    calls = {name: CALLS[name] for name in ("search", "everything", "find", "add")}
    quoted = ["".join(traceback.format_exception(error)) for error in (await errors_of(dialect, calls)).values()]
    signatures = {one.headers.get("x-signature") for one in server.requests} - {None}

    assert not [text for text in quoted for secret in (CANARY, KEY, HMAC_SECRET, *signatures) if str(secret) in text]
