"""Signed user contexts: whom a signature proves, for which request, for how long, and how often."""

import re
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from time import time as clock
from typing import Any

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app.auth.caller import Identity
from app.auth.contexts.contexts import SignedContexts
from app.auth.contexts.signature import CONTEXT_HEADER, SIGNATURE_HEADER, first_text, mac, signed
from app.auth.credentials import Context, Credential
from app.auth.refusals import CallerRefused
from app.settings import ConfigError, load
from app.settings.auth import ContextSettings
from observability.secret import Secret
from providers.native.embedded import EmbeddedServer
from tests.support.api import asgi_client, field_in, problem_in, running_app
from tests.support.markdown import ROOT
from tests.support.postgres import create_database, drop_database

NOW = 1_767_225_600
SECRET, FORMER, FIRST, OTHER = (letter * 32 for letter in "sfvo")
CONTEXTS = {
    "gateway": ContextSettings(secret=Secret(SECRET), former_secret=Secret(FORMER), tenant="acme", max_age=60),
    "old": ContextSettings(secret=Secret(FIRST), version=1, scopes=["memory:read"]),
}
TARGET = "/memory/remember?user_id=anna"
BODY = b'{"content": "tea"}'


def identified(headers: dict[str, str], method: str = "POST", target: str = TARGET, now: float = NOW) -> Identity:
    """Whom these headers prove on such a request."""
    user = headers.get(CONTEXT_HEADER)
    latin = None if user is None else user.encode().decode("latin-1")
    context = Context(latin, method, target.encode())
    contexts = SignedContexts(CONTEXTS, lambda: now)
    return contexts.identify(Credential(headers[SIGNATURE_HEADER], context=context))


def by_gateway(secret: str = SECRET, key: str = "gateway", user: str = "anna", time: int = NOW) -> dict[str, str]:
    """The headers of a request that was signed in version 2."""
    return signed(key, secret, user, "POST", TARGET, BODY, time)


@pytest.mark.parametrize("secret", [SECRET, FORMER])
def test_a_signature_proves_its_user_alone(secret: str) -> None:
    """As one caller with either secret, bound to the body, once."""
    identity = identified(by_gateway(secret, user="анна"))

    assert (identity.id, identity.tenant, identity.caller_for(None).user_id) == ("context:gateway", "acme", "анна")
    assert identity.body_digest == sha256(BODY).hexdigest()
    assert identity.once is not None
    with pytest.raises(CallerRefused, match="own user alone"):
        identity.caller_for("bob")


def test_two_signatures_are_two() -> None:
    """A nonce is by chance, and noted for as long as its signature may come."""
    one, other = (identified(by_gateway()).once for _ in range(2))

    assert one is not None
    assert one != other
    assert one.seconds > 2 * 60


@pytest.mark.parametrize(
    ("headers", "method", "target"),
    [
        (by_gateway(), "DELETE", TARGET),
        (by_gateway(), "POST", "/memory/recall?user_id=anna"),
        (by_gateway(), "POST", "/memory/remember?user_id=bob"),
        (by_gateway(), "POST", "/memory/remember"),
        (by_gateway() | {CONTEXT_HEADER: "bob"}, "POST", TARGET),
        (by_gateway(OTHER), "POST", TARGET),
        (by_gateway(FIRST), "POST", TARGET),
        (by_gateway(key="nobody"), "POST", TARGET),
        (by_gateway(FIRST, key="old"), "POST", TARGET),
        ({CONTEXT_HEADER: "anna", SIGNATURE_HEADER: mac(SECRET, first_text(b"anna"))}, "POST", TARGET),
        ({CONTEXT_HEADER: "bob", SIGNATURE_HEADER: mac(FIRST, first_text(b"anna"))}, "POST", TARGET),
    ],
)
def test_a_signature_is_for_nothing_else(headers: dict[str, str], method: str, target: str) -> None:
    """Neither for another method, path, query or user, nor of another key, secret or version."""
    with pytest.raises(CallerRefused) as refused:
        identified(headers, method, target)

    assert refused.value.reason == "unknown"


@pytest.mark.parametrize("part", ["key=gatewax", "time=1767225601", "nonce=AAAAAAAAAAAAAAAAAAAA", f"body={'0' * 64}"])
def test_every_part_of_the_header_is_signed(part: str) -> None:
    """Whatever is put in its place, the signature does not fit."""
    headers = by_gateway()
    name = part.partition("=")[0]
    headers[SIGNATURE_HEADER] = re.sub(rf"\b{name}=[A-Za-z0-9_-]+", part, headers[SIGNATURE_HEADER])

    with pytest.raises(CallerRefused) as refused:
        identified(headers)

    assert refused.value.reason == "unknown"


@pytest.mark.parametrize(
    ("age", "reason"), [(60, None), (61, "expired"), (-60, None), (-61, "early"), (10**9, "expired")]
)
def test_a_signature_counts_near_its_time(age: int, reason: str | None) -> None:
    """By the clocks of both, which may differ so much."""
    headers = by_gateway(time=NOW - age)
    if reason is None:
        assert identified(headers).id == "context:gateway"
        return
    with pytest.raises(CallerRefused) as refused:
        identified(headers)

    assert (refused.value.reason, refused.value.caller) == (reason, "context:gateway")


@pytest.mark.parametrize(
    "headers",
    [
        {SIGNATURE_HEADER: mac(FIRST, first_text(b"anna"))},
        {CONTEXT_HEADER: "anna", SIGNATURE_HEADER: ""},
        {CONTEXT_HEADER: "anna", SIGNATURE_HEADER: "v2"},
        {CONTEXT_HEADER: "anna", SIGNATURE_HEADER: mac(FIRST, first_text(b"anna")).upper()},
        by_gateway() | {SIGNATURE_HEADER: by_gateway()[SIGNATURE_HEADER] + ","},
        by_gateway() | {SIGNATURE_HEADER: by_gateway()[SIGNATURE_HEADER].replace("v2", "v3")},
    ],
)
def test_what_is_no_signature_is_malformed(headers: dict[str, str]) -> None:
    """Half of the headers, or another form."""
    with pytest.raises(CallerRefused) as refused:
        identified(headers)

    assert refused.value.reason == "malformed"


def test_version_one_is_that_of_the_specification() -> None:
    """The HMAC of `user:` and the user, as its client computes it, on every request and for ever."""
    headers = {CONTEXT_HEADER: "anna", SIGNATURE_HEADER: mac(FIRST, b"user:anna")}

    identity = identified(headers, "DELETE", "/memory/memories", NOW + 10**8)

    assert (identity.id, sorted(identity.scopes), identity.once) == ("context:old", ["memory:read"], None)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"NINAI__JOURNAL__KIND": "none"}, "needs a journal"),
        ({"NINAI__AUTH__CONTEXT__GATEWAY__SECRET": "short"}, "at least 32 characters"),
        ({"NINAI__AUTH__CONTEXT__OLD__SECRET": SECRET}, "the same as that of auth.context.gateway"),
        ({"NINAI__AUTH__CONTEXT__GATEWAY__MAX_AGE": "301"}, "300"),
        ({"NINAI__AUTH__CONTEXT__GATEWAY__MAX_AGE": "0"}, "1"),
    ],
)
def test_contexts_that_would_not_hold_are_refused(tmp_path: Path, changed: dict[str, str], why: str) -> None:
    """At the start, and no secret is in the reason."""
    with pytest.raises(ConfigError, match=re.escape(why)) as refused:
        load(None, environ={**environ_in(tmp_path), **changed})

    assert SECRET not in str(refused.value)


def environ_in(folder: Path) -> dict[str, str]:
    """A service that takes keys and signed users, with a journal in a file."""
    return {
        "MEMORY_PROVIDER": "mock",
        "NINAI__DATA_DIR": str(folder),
        "NINAI__JOURNAL__KIND": "sqlite",
        "NINAI__TENANTS__ENABLED": "true",
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__CONTEXT__GATEWAY__SECRET": SECRET,
        "NINAI__AUTH__CONTEXT__GATEWAY__TENANT": "acme",
        "NINAI__AUTH__CONTEXT__OLD__SECRET": FIRST,
        "NINAI__AUTH__CONTEXT__OLD__VERSION": "1",
    }


@pytest_asyncio.fixture
async def app(tmp_path: Path) -> AsyncIterator[Litestar]:
    """The service."""
    async with running_app(environ_in(tmp_path)) as opened:
        yield opened


@pytest_asyncio.fixture
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with asgi_client(app) as client:
        yield client


async def sent(
    http: httpx.AsyncClient, headers: dict[str, str], method: str = "POST", body: bytes = BODY, target: str = TARGET
) -> httpx.Response:
    """The answer to a request with these headers."""
    raw = [(name.encode(), value.encode()) for name, value in ({"Content-Type": "application/json"} | headers).items()]
    return await http.request(method, target, content=body, headers=raw)


def now_signed(method: str = "POST", target: str = TARGET, body: bytes = BODY, user: str = "anna") -> dict[str, str]:
    """The headers of a request that is signed now."""
    return signed("gateway", SECRET, user, method, target, body, int(clock()))


async def test_a_signed_request_is_served_once(http: httpx.AsyncClient, app: Litestar) -> None:
    """For its user, and the same again is refused; a new signature is not."""
    headers = now_signed()
    stored, again = await sent(http, headers), await sent(http, headers)
    listed = await sent(http, now_signed("GET", "/memory/memories", b""), "GET", b"", "/memory/memories")

    assert (stored.status_code, again.status_code) == (200, 401)
    assert "used before" in problem_in(again)["detail"]
    assert [(one["user_id"], one["tenant"]) for one in listed.json()["memories"]] == [("anna", "acme")]
    count = app.state.metrics.registry.get_sample_value("ninai_auth_refusals_total", {"reason": "replayed"})
    assert count == 1.0


@pytest.mark.thorough
async def test_another_replica_refuses_a_replay(postgres_server: EmbeddedServer, tmp_path: Path) -> None:
    """The nonce is noted in the journal that both have."""
    dsn = await create_database(postgres_server)
    environ = environ_in(tmp_path) | {"MEMORY_PROVIDER": "native", "DATABASE_URL": dsn}
    headers = now_signed()
    async with running_app(environ) as one, running_app(environ) as other, asgi_client(one) as http:
        first = await sent(http, headers)
        async with asgi_client(other) as elsewhere:
            replayed, fresh = await sent(elsewhere, headers), await sent(elsewhere, now_signed())
    await drop_database(postgres_server, dsn)

    assert (first.status_code, replayed.status_code, fresh.status_code) == (200, 401, 200)


async def test_another_body_is_refused(http: httpx.AsyncClient) -> None:
    """Before anything is done with it, whole or packed in pieces."""
    answer = await sent(http, now_signed(), body=b'{"content": "coffee"}')
    listed = await sent(http, now_signed("GET", "/memory/memories", b""), "GET", b"", "/memory/memories")

    assert (answer.status_code, field_in(answer)) == (401, "body")
    assert listed.json()["count"] == 0


async def test_a_signature_beside_a_key_is_refused(http: httpx.AsyncClient) -> None:
    """And so is one of its headers twice, since readers could differ about which counts."""
    headers = now_signed()
    several: list[dict[str, str]] = [{"X-API-Key": "ninai_x"}, {"Authorization": "Bearer x"}]
    answers = [await sent(http, headers | other) for other in several]
    doubled = [*headers.items(), (CONTEXT_HEADER, "bob"), ("Content-Type", "application/json")]
    answers.append(await http.post(TARGET, content=BODY, headers=doubled))

    assert [answer.status_code for answer in answers] == [400] * 3
    assert (await sent(http, headers)).status_code == 200


async def test_a_signed_user_names_nobody_else(http: httpx.AsyncClient) -> None:
    """In no place; and one that is no user's id is refused as one."""
    other = now_signed(target="/memory/remember?user_id=bob")
    answers = [
        await sent(http, other, target="/memory/remember?user_id=bob"),
        await sent(http, now_signed() | {"X-User-ID": "bob"}),
        await sent(http, now_signed(user="a" * 257, target="/memory/remember"), target="/memory/remember"),
    ]

    assert [answer.status_code for answer in answers] == [403, 400, 422]


async def test_the_document_tells_of_signatures(http: httpx.AsyncClient, guarded_http: httpx.AsyncClient) -> None:
    """Where they are taken, and nowhere else."""
    ways = [
        (await one.get("/openapi.json")).json()["paths"]["/memory/recall"]["post"]["security"]
        for one in (http, guarded_http)
    ]

    assert [{"signedUser": []} in way for way in ways] == [True, False]


def test_the_page_signs_as_the_service_reads() -> None:
    """The example in the documentation, run as it stands there."""
    [example] = re.findall(r"```python\n(.*?)```", (ROOT / "deploy/docs/signed-users.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - our own page

    raw = names["signed"]("gateway", SECRET, "анна", "POST", TARGET, BODY)
    headers = {CONTEXT_HEADER: raw["X-User-Context"].decode(), SIGNATURE_HEADER: raw["X-Signature"]}

    assert identified(headers, now=clock()).users.default == "анна"


async def test_elsewhere_the_headers_are_not_heeded(guarded_http: httpx.AsyncClient, free_key: str) -> None:
    """A service without contexts reads its key as ever."""
    answer = await sent(guarded_http, now_signed() | {"X-API-Key": free_key}, target="/memory/remember?user_id=anna")
    alone = await sent(guarded_http, now_signed())

    assert (answer.status_code, alone.status_code) == (200, 401)
