"""Refused callers: the line in the log, the metric, and the wait of whoever guesses."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app.auth.failed_logins import FREE, FailedLogins
from app.auth.keys import hash_key, new_key
from app.http.admission.operators import MAX_OPERATORS
from tests.support.api import asgi_client, running_app
from tests.support.asgi import ask
from tests.support.canary import Log, logged_into_memory

KEY, OLD, ENDED, BOUND, OF_TENANT = (new_key(name) for name in ("plain", "old", "ended", "bound", "acme"))
USER = {"X-User-ID": "alice"}
REFUSALS = [
    ({}, "missing", None),
    ({"Authorization": "Basic YTpi"}, "missing", None),
    ({"X-API-Key": "x"}, "malformed", None),
    ({"X-API-Key": KEY[:-1]}, "malformed", None),
    ({"X-API-Key": new_key("plain")}, "unknown", None),
    ({"X-API-Key": ENDED}, "revoked", "ended"),
    ({"X-API-Key": OLD}, "expired", "old"),
    ({"X-API-Key": KEY, "Authorization": f"Bearer {KEY}"}, "several", None),
    ({"X-API-Key": KEY}, "scope", "plain"),
    ({"X-API-Key": BOUND}, "user", "bound"),
    ({"X-API-Key": OF_TENANT}, "tenant", "acme"),
]


@pytest_asyncio.fixture(scope="module")
async def app() -> AsyncIterator[Litestar]:
    """An application with keys in every state, behind a trusted proxy."""
    keys = {"PLAIN": KEY, "OLD": OLD, "ENDED": ENDED, "BOUND": BOUND, "ACME": OF_TENANT}
    environ = {
        "MEMORY_PROVIDER": "mock",
        "NINAI__AUTH__MODE": "api_key",
        **{f"NINAI__AUTH__KEYS__{name}__HASH": hash_key(key) for name, key in keys.items()},
        "NINAI__AUTH__KEYS__OLD__EXPIRES": "2020-01-01T00:00:00Z",
        "NINAI__AUTH__KEYS__ENDED__REVOKED": "2020-01-01T00:00:00Z",
        "NINAI__AUTH__KEYS__BOUND__USER": "bob",
        "NINAI__AUTH__KEYS__ACME__TENANT": "acme",
        "NINAI__AUTH__KEYS__PLAIN__SCOPES": "memory:write",
        "NINAI__SERVER__TRUSTED_PROXIES": "127.0.0.1",
    }
    async with running_app(environ) as opened:
        opened.state.failed_logins = FailedLogins(lambda: 0.0)
        yield opened


@pytest_asyncio.fixture
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with asgi_client(app) as client:
        yield client


@pytest.fixture
def log() -> Iterator[Log]:
    """Log everything into memory for the time of one test."""
    with logged_into_memory() as log:
        yield log


@pytest.mark.parametrize(("headers", "reason", "caller"), REFUSALS)
async def test_a_refusal_is_told_to_the_operator(
    app: Litestar, http: httpx.AsyncClient, log: Log, headers: dict[str, str], reason: str, caller: str | None
) -> None:
    """The line has the client, the key as far as it is proven, and the reason; the metric has the reason."""
    labels = {"reason": reason}

    def counted() -> float:
        return app.state.metrics.registry.get_sample_value("ninai_auth_refusals_total", labels) or 0.0

    before = counted()
    response = await http.get("/memory/memories", headers={**headers, **USER, "X-Forwarded-For": "203.0.113.9"})

    [line] = log.events("request")
    assert response.status_code in {400, 401, 403}
    assert (line["refused"], line["caller"], line["client"]) == (reason, caller, "203.0.113.9")
    assert counted() == before + 1
    for key in (KEY, OLD, ENDED, BOUND):
        assert key not in log.text() + response.text


async def test_who_is_admitted_is_not_called_refused(http: httpx.AsyncClient, log: Log) -> None:
    """The line has the key's id."""
    await http.post("/memory/remember", json={"content": "tea"}, headers={"X-API-Key": KEY, **USER})

    [line] = log.events("request")
    assert (line["status"], line["caller"], "refused" in line) == (200, "plain", False)


async def test_who_guesses_waits_and_who_is_known_does_not(app: Litestar, http: httpx.AsyncClient) -> None:
    """Also from the same address: a proxy, or an office, has many callers."""
    app.state.failed_logins = failed = FailedLogins(lambda: 0.0)
    for _ in range(FREE + 10):
        failed.count("127.0.0.1")

    guess = asyncio.create_task(http.get("/memory/memories", headers={"X-API-Key": new_key("x")}))
    known = [
        await http.post("/memory/remember", json={"content": "tea"}, headers={"X-API-Key": KEY, **USER})
        for _ in range(3)
    ]
    await asyncio.sleep(0.2)  # in which it would have its answer, if it did not wait
    waiting = not guess.done()
    response = await guess

    assert [one.status_code for one in known] == [200] * 3
    assert (waiting, response.status_code) == (True, 401)


async def test_who_waits_holds_nothing_back(app: Litestar) -> None:
    """What a guess was admitted with is given back while it waits."""
    app.state.failed_logins = failed = FailedLogins(lambda: 0.0)
    for _ in range(FREE + 10):
        failed.count("127.0.0.1")
    used = "ninai_admission_used"
    registry = app.state.metrics.registry
    assert registry.get_sample_value(used) == 0

    asking = asyncio.create_task(ask(app, "GET", "/memory/memories", ((b"x-api-key", b"guess"),)))
    await asyncio.sleep(0.2)

    assert not asking.done()
    assert registry.get_sample_value(used) == 0
    assert (await asking).status == 401


async def test_who_waits_takes_no_place_of_an_operator(app: Litestar, http: httpx.AsyncClient) -> None:
    """However many guess at the admin API, operators and probes get in."""
    app.state.failed_logins = failed = FailedLogins(lambda: 0.0)
    for _ in range(FREE + 10):
        failed.count("127.0.0.1")
    guesses = [
        asyncio.create_task(ask(app, "GET", "/admin/providers", ((b"x-api-key", b"guess"),)))
        for _ in range(MAX_OPERATORS + 1)
    ]
    await asyncio.sleep(0.5)

    probe = (await http.get("/livez")).status_code
    waiting = [guess for guess in guesses if not guess.done()]

    assert (probe, len(waiting)) == (200, MAX_OPERATORS + 1)
    assert {(await guess).status for guess in guesses} == {401}
