"""The service and a real issuer: its keys are fetched, rotated and lost while tokens are shown."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app.auth.failed_logins import FailedLogins
from app.auth.keys import hash_key, new_key
from app.auth.tokens.following import KeySetFollower
from app.auth.tokens.issuer import LEAST_SECONDS, Issuer
from app.auth.tokens.opening import token_parts
from app.settings.auth import AuthSettings
from tests.support.api import Api, asgi_client, problem_in, running_app
from tests.support.canary import Log, logged_into_memory
from tests.support.issuer import AUDIENCE, ISSUER, TokenIssuer, issuer_settings
from tests.support.openai_http import response
from tests.support.pages import Visitor

KEY = new_key("plain")
PATHS = ["/memory/memories", "/memory/health", "/metrics", "/readyz", "/admin/providers", "/openapi.json"]


def environ(jwks: str, **more: str) -> dict[str, str]:
    """Return the settings of a service that accepts the tokens of an issuer, and a key."""
    return {
        "MEMORY_PROVIDER": "mock",
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__KEYS__PLAIN__HASH": hash_key(KEY),
        "NINAI__AUTH__JWT__COMPANY__ISSUER": ISSUER,
        "NINAI__AUTH__JWT__COMPANY__AUDIENCE": AUDIENCE,
        "NINAI__AUTH__JWT__COMPANY__JWKS": jwks,
        "NINAI__AUTH__JWT__COMPANY__SCOPES": "memory,admin:read",
        **more,
    }


@pytest_asyncio.fixture
async def source() -> AsyncIterator[TokenIssuer]:
    """An issuer that publishes its keys."""
    async with TokenIssuer().served() as served:
        yield served


@pytest.fixture
def log() -> Iterator[Log]:
    """Log everything into memory for the time of one test."""
    with logged_into_memory() as log:
        yield log


@pytest_asyncio.fixture
async def app(source: TokenIssuer, log: Log) -> AsyncIterator[Litestar]:
    """A service that accepts its tokens, and logs everything."""
    assert log.stream.writable()
    async with running_app(environ(source.url)) as opened:
        opened.state.failed_logins = FailedLogins(count(step=1_000).__next__)  # long ago each time, so nothing waits
        yield opened


@pytest_asyncio.fixture
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with asgi_client(app) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


async def test_a_token_opens_its_subjects_memories(http: httpx.AsyncClient, source: TokenIssuer) -> None:
    """And nobody else's; a key goes on to do so beside it."""
    alice = bearer(source.token())
    stored = await http.post("/memory/remember", json={"content": "tea"}, headers=alice)
    mine = await http.get("/memory/memories", headers=alice)
    others = await http.get("/memory/memories", headers=bearer(source.token(sub="bob")))
    theirs = await http.get("/memory/memories", headers={**alice, "X-User-ID": "bob"})
    by_key = await http.get("/memory/memories", headers={"X-API-Key": KEY, "X-User-ID": "alice"})

    assert (stored.status_code, mine.json()["count"], others.json()["count"]) == (200, 1, 0)
    assert (theirs.status_code, by_key.json()["count"]) == (403, 1)


async def test_scopes_of_a_token_count(http: httpx.AsyncClient, source: TokenIssuer) -> None:
    """A claim opens what its issuer may give, and no more."""
    reader = bearer(source.token(scope="memory:read admin"))
    refused = await http.post("/memory/remember", json={"content": "tea"}, headers=reader)

    assert (await http.get("/memory/memories", headers=reader)).status_code == 200
    assert (refused.status_code, problem_in(refused)["detail"]) == (
        403,
        'This token lacks the scope "memory:write"',
    )
    assert (await http.get("/admin/providers", headers=reader)).status_code == 200
    assert (await http.put("/admin/providers/order", json={"order": ["mock"]}, headers=reader)).status_code == 403


async def test_a_retry_with_a_renewed_token_stores_once(http: httpx.AsyncClient, source: TokenIssuer) -> None:
    """The key of idempotency belongs to issuer and subject, and not to the token."""
    ids = []
    for number in range(2):
        headers = {**bearer(source.token(jti=number)), "Idempotency-Key": "k"}
        ids.append((await http.post("/memory/remember", json={"content": "tea"}, headers=headers)).json()["memory_id"])

    assert ids[0] == ids[1]


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
async def test_a_token_is_the_only_credential(http: httpx.AsyncClient, source: TokenIssuer, header: str) -> None:
    """A key or another token beside it is refused, whatever they are worth; and a token is no key."""
    token = source.token()
    headers = [("Authorization", f"Bearer {token}"), (header, KEY if header == "X-API-Key" else f"Bearer {token}")]
    both = await http.get("/memory/memories", headers=headers)
    as_key = await http.get("/memory/memories", headers={"X-API-Key": token})

    assert (both.status_code, as_key.status_code) == (400, 401)


async def test_tokens_alone(source: TokenIssuer) -> None:
    """With the mode `jwt` no key is accepted, also of those that are configured."""
    async with (
        running_app(environ(source.url, NINAI__AUTH__MODE="jwt")) as app,
        asgi_client(app) as http,
    ):
        answers = [
            await http.get("/memory/memories", headers=headers)
            for headers in (bearer(source.token()), {"X-API-Key": KEY, "X-User-ID": "alice"}, bearer(KEY), {})
        ]

    assert [answer.status_code for answer in answers] == [200, 401, 401, 401]
    assert problem_in(answers[3])["detail"].startswith("Send a token of an issuer")
    assert answers[3].headers["WWW-Authenticate"] == 'Bearer realm="ninai"'


def test_issuers_that_nobody_asks_are_told(log: Log) -> None:
    """Whoever configured one did not mean to serve everybody."""
    settings = {"company": issuer_settings()}
    parts = [token_parts(AuthSettings(mode=mode, jwt=settings)) for mode in ("none", "api_key", "jwt")]

    assert [len(part.kinds) for part in parts] == [0, 1, 1]
    assert [event["issuers"] for event in log.events("issuers_not_heeded")] == [["company"]]


async def test_the_tenant_of_a_token_reaches_the_stores(source: TokenIssuer) -> None:
    """Two tenants' equal subjects never meet."""
    more = {"NINAI__AUTH__JWT__COMPANY__TENANT_CLAIM": "org", "NINAI__TENANTS__ENABLED": "true"}
    async with running_app(environ(source.url, **more)) as app, asgi_client(app) as http:
        acme, globex = (bearer(source.token(org=org)) for org in ("acme", "globex"))
        await http.post("/memory/remember", json={"content": "tea"}, headers=acme)
        counts = [(await http.get("/memory/memories", headers=one)).json()["count"] for one in (acme, globex)]

    assert counts == [1, 0]


async def test_nothing_tells_a_token(app: Litestar, http: httpx.AsyncClient, source: TokenIssuer, log: Log) -> None:
    """Nor its subject: not whole or cut, good or bad, in the log, an answer, a metric or the console."""
    subject = "canary-subject-7f3a"
    good = source.token(sub=subject, scope="memory admin:read")
    bad = [
        source.token(sub=subject, exp=1),
        source.token(sub=subject, aud=subject),
        source.token(sub=subject, nbf=None),
    ]
    strange = TokenIssuer().token(sub=subject, head={"kid": subject})
    answers = []
    for token in (good, *bad, strange, f"{good}x", good[:-20], f"{good}.{subject}"):
        for headers in (bearer(token), {"X-API-Key": token}, {"Authorization": token}):
            answers += [await http.get(path, headers=headers) for path in PATHS]
    login = (await Visitor(http).log_in(good)).response
    answers.append(login)
    await Api(http, subject, bearer(good)).stored("tea")
    said = [log.text(), *(f"{answer.text} {answer.headers}" for answer in answers)]
    secrets = [part for token in (good, strange, *bad) for part in (token, token.split(".")[1], token.split(".")[2])]

    assert {answer.status_code for answer in answers} >= {200, 401}
    assert login.status_code == 401
    assert [secret for secret in [*secrets, subject] for text in said if secret in text] == []
    assert '"caller": "jwt:' in log.text() or '"caller":"jwt:' in log.text()
    assert app.state.failed_logins is not None


def following(source: TokenIssuer, clock: Callable[[], float]) -> tuple[Issuer, KeySetFollower]:
    """Return an issuer whose keys are followed."""
    issuer = Issuer("company", issuer_settings(jwks=source.url), clock)
    return issuer, KeySetFollower([issuer])


async def until(condition: Callable[[], bool]) -> bool:
    """Wait until something is so; return whether it came to be."""
    for _ in range(200):
        if condition():
            return True
        await asyncio.sleep(0.05)
    return False


async def test_a_new_key_is_fetched_when_a_token_names_it(source: TokenIssuer) -> None:
    """Once, however many ask; and in the next minute not again."""
    clock = [0.0]
    issuer, follower = following(source, lambda: clock[0])
    async with follower.following():
        first = issuer.keys
        source.rotate()
        assert not issuer.want()
        clock[0] = LEAST_SECONDS
        assert [issuer.want() for _ in range(9)] == [True] * 9
        assert await until(lambda: issuer.keys is not first)
        assert not issuer.want()

    assert source.fetched == 2
    assert issuer.keys is not None
    assert issuer.keys.key_for(source.kid, "ES256") is not None


@pytest.mark.parametrize("answer", [response(500, b"{}"), response(200, b"<html>"), response(200, b'{"keys": []}')])
async def test_the_last_good_keys_stay(source: TokenIssuer, answer: bytes, log: Log) -> None:
    """While the issuer has none to give."""
    issuer, follower = following(source, lambda: 0.0)
    await follower.look(issuer)
    kept = issuer.keys
    source.answer = answer
    await follower.look(issuer)

    assert issuer.keys is kept is not None
    assert [event["kept"] for event in log.events("issuer_keys_refused")] == [True]


async def test_equal_keys_stay_the_same(source: TokenIssuer) -> None:
    """So that what was verified with them need not be verified again."""
    issuer, follower = following(source, lambda: 0.0)
    await follower.look(issuer)
    kept = issuer.keys
    await follower.look(issuer)

    assert (issuer.keys is kept, source.fetched) == (True, 2)


async def test_an_issuer_that_is_away_does_not_hold_up_the_start() -> None:
    """Its callers are asked to try again, and keys are accepted."""
    source = TokenIssuer()
    async with running_app(environ("http://127.0.0.1:1/jwks")) as app, asgi_client(app) as http:
        refused = await http.get("/memory/memories", headers=bearer(source.token()))
        by_key = await http.get("/memory/memories", headers={"X-API-Key": KEY, "X-User-ID": "alice"})

    assert (refused.status_code, refused.headers["Retry-After"], by_key.status_code) == (503, "1", 200)
    assert problem_in(refused)["detail"] == "The keys of the token's issuer are being looked for; try again"


async def test_a_changed_file_of_keys_is_followed(tmp_path: Path, log: Log) -> None:
    """A key that is taken out of it ends the tokens that it signed; a broken file changes nothing."""
    source, file = TokenIssuer(), tmp_path / "jwks.json"
    file.write_bytes(source.key_set)
    former = source.token()
    async with running_app(environ(str(file))) as app, asgi_client(app) as http:

        async def becomes(token: str, status: int) -> bool:
            async def look() -> bool:
                return (await http.get("/memory/memories", headers=bearer(token))).status_code == status

            return await eventually(look)

        assert await becomes(former, 200)
        file.write_text(json.dumps({"keys": "broken"}))
        assert await until(lambda: bool(log.events("issuer_keys_refused")))
        assert await becomes(former, 200)
        source.rotate(withdraw=True)
        file.write_bytes(source.key_set)
        assert await becomes(source.token(), 200)
        assert await becomes(former, 401)


async def eventually(look: Callable[[], Awaitable[bool]]) -> bool:
    """Look until something is so; return whether it came to be."""
    for _ in range(100):
        if await look():
            return True
        await asyncio.sleep(0.1)
    return False
