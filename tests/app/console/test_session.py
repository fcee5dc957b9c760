"""The way into the console with an API key, and what the browser keeps of it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar

from app.auth.credentials import Credential
from app.auth.keys import hash_key
from app.console.ended_sessions import EndedSessions
from app.console.session import NO_KEY, SESSION_SECONDS, Sessions
from app.settings.auth import KeySettings
from tests.app.console.conftest import GUARDED, KEYS
from tests.support.api import asgi_client, running_app
from tests.support.clock import FakeClock
from tests.support.following import listened
from tests.support.known_keys import PEPPER, authenticating
from tests.support.pages import Page, Visitor

SECRET = b"s" * 32
PAGES = ["/console", "/console/configuration", "/console/order", "/console/breaker?provider=a&state=open"]


def cookie_in(response: httpx.Response, name: str) -> Morsel[str]:
    """What a response has the browser keep."""
    kept: SimpleCookie = SimpleCookie()
    for line in response.headers.get_list("set-cookie"):
        kept.load(line)
    return kept[name]


@pytest.mark.parametrize("path", PAGES)
async def test_who_has_shown_no_key_is_asked_for_one(stranger: Visitor, path: str) -> None:
    """401 with the form to log in, and nothing of the service; the first time nothing is called wrong."""
    page = await stranger.look(path)

    assert page.status == 401
    assert page.response.headers["www-authenticate"] == 'Bearer realm="ninai"'
    assert "API key with the scope admin" in page.text
    assert "standby" not in page.response.text
    [field] = [given for tag, given in page.tags if tag == "input" and given["name"] == "key"]
    assert (field["type"], field["autocomplete"]) == ("password", "current-password")
    assert not [given for _, given in page.tags if given.get("role") == "alert"]


async def test_an_operator_logs_in(stranger: Visitor) -> None:
    """From then on the console is open to this browser, under the name of the key, and the log tells of it."""
    with listened() as events:
        page = await stranger.log_in(KEYS["ops"])

    assert page.status == 200
    assert "as ops" in page.text
    assert [one["operator"] for one in events() if one["event"] == "console_login"] == ["ops"]
    assert KEYS["ops"] not in str(events())
    assert (await stranger.look("/console/configuration")).status == 200


async def test_a_pasted_key_may_have_space_around_it(stranger: Visitor) -> None:
    """As it comes from a terminal."""
    assert (await stranger.log_in(f" {KEYS['ops']}\n")).status == 200


@pytest.mark.parametrize(
    ("key", "status", "reason"),
    [
        ("ninai_unknown", 401, "This API key is not known"),
        (KEYS["plain"], 403, 'This API key lacks the scope "admin:read"'),
        ("", 422, "key: expected str of length >= 1"),
        (" ", 401, "Send an API key"),
    ],
)
async def test_what_opens_nothing_is_told_on_the_form(stranger: Visitor, key: str, status: int, reason: str) -> None:
    """With the status and the words of the admin API, and never with the key."""
    page = await stranger.log_in(key)

    assert page.status == status
    assert reason in page.text
    assert page.form("/console/login").fields["key"] == ""
    assert (await stranger.look()).status == 401


@pytest.mark.parametrize(
    ("scheme", "name", "path", "secure"),
    [
        ("http", "ninai_console", "/console", False),
        ("https", "__Host-ninai_console", "/", True),
        ("HTTPS, http", "__Host-ninai_console", "/", True),
    ],
)
async def test_the_cookie_is_kept_close(stranger: Visitor, scheme: str, name: str, path: str, *, secure: bool) -> None:
    """No script reads it, no other site sends or sets it, it ends, and does not hold the key."""
    told = {"X-Forwarded-Proto": scheme}
    entrance = await stranger.look(headers=told)

    # The client itself speaks no TLS, so that it would send no cookie that asks for it.
    sent = {
        one: cookie_in(entrance.response, one).value for one in SimpleCookie(entrance.response.headers["set-cookie"])
    }
    cookies = "; ".join(f"{one}={value}" for one, value in sent.items())
    headers = {"Origin": "http://127.0.0.1", "Cookie": cookies, **told}
    cookie = cookie_in(await stranger.post(entrance.form("/console/login"), headers, key=KEYS["ops"]), name)

    assert (cookie["httponly"], cookie["samesite"].lower(), cookie["path"]) == (True, "strict", path)
    assert (cookie["max-age"], bool(cookie["secure"])) == (str(SESSION_SECONDS), secure)
    assert cookie["domain"] == ""
    for hidden in (KEYS["ops"], hash_key(KEYS["ops"])):
        assert hidden not in cookie.value


async def test_a_session_that_was_begun_before_is_not_taken_over(stranger: Visitor) -> None:
    """Logging in gives a cookie that nobody has seen before."""
    before = set(dict(stranger.http.cookies).values())
    await stranger.log_in(KEYS["ops"])
    first = stranger.http.cookies["ninai_console"]
    await stranger.post((await stranger.look()).form("/console/logout"))
    await stranger.log_in(KEYS["ops"])

    assert stranger.http.cookies["ninai_console"] not in {first, *before}


async def test_an_operator_logs_out(stranger: Visitor) -> None:
    """The browser forgets the cookie, and is asked for a key again."""
    page = await stranger.log_in(KEYS["ops"])

    after = await stranger.send(page.form("/console/logout"))

    assert after.status == 401
    assert "ninai_console" not in stranger.http.cookies


async def test_an_action_of_a_session_is_logged_with_its_key(stranger: Visitor) -> None:
    """As an action of the admin API."""
    await stranger.log_in(KEYS["ops"])
    question = await stranger.look("/console/breaker?provider=b&state=open")
    with listened() as events:
        done = await stranger.send(question.form("/console/breaker"))
        release = await stranger.look("/console/breaker?provider=b&state=auto")
        await stranger.send(release.form("/console/breaker"))

    assert "forced by ops" in done.text
    assert {one["operator"] for one in events() if one["event"] == "breaker_set"} == {"ops"}
    assert {one["caller"] for one in events() if one["event"] == "request"} == {"ops"}


@pytest.mark.parametrize("headers", [{"Authorization": f"Bearer {KEYS['ops']}"}, {"X-API-Key": KEYS["ops"]}])
async def test_a_key_in_a_header_does_as_well(stranger: Visitor, headers: dict[str, str]) -> None:
    """For what is no browser; to change something takes the form's token all the same, and no session is begun."""
    page = await stranger.look("/console/order?order=a,b", headers=headers)
    [form] = [one for one in page.forms if one.method == "post"]
    response = await stranger.post(form, {**headers})
    kept = dict(stranger.http.cookies)
    stranger.http.cookies.clear()
    without = await stranger.post(form, {**headers})

    assert (page.status, response.status_code, without.status_code) == (200, 303, 403)
    assert "as ops" in page.text
    assert "ninai_console" not in kept


@pytest.mark.parametrize("key", ["ninai_unknown", KEYS["plain"], KEYS["ops"]])
async def test_a_key_beside_a_session_is_one_credential_too_many(stranger: Visitor, key: str) -> None:
    """Which of them would count is nobody's to guess, were they of the same operator."""
    await stranger.log_in(KEYS["ops"])

    page = await stranger.look(headers={"X-API-Key": key})

    assert page.status == 400
    assert "Send one credential" in page.text


async def test_who_has_logged_out_is_out_everywhere(locked_app: Litestar, stranger: Visitor) -> None:
    """Whoever has a copy of the cookie is asked for a key, also by another process of the data folder."""
    page = await stranger.log_in(KEYS["ops"])
    copied = stranger.http.cookies["ninai_console"]
    await stranger.send(page.form("/console/logout"))
    folder = locked_app.state.settings.data_dir
    environ = GUARDED | {"NINAI__DATA_DIR": str(folder), "MEMORY_PROVIDER": "mock", "NINAI__JOURNAL__KIND": "none"}

    stranger.http.cookies.set("ninai_console", copied)
    here = (await stranger.look()).status
    async with running_app(environ) as app, asgi_client(app) as http:
        http.cookies.set("ninai_console", copied)
        there = (await Visitor(http).look()).status

    assert (here, there) == (401, 401)


async def test_a_session_that_has_ended_says_that_nothing_was_done(stranger: Visitor) -> None:
    """Whoever sends a form too late is asked for the key, with the reason."""
    await stranger.log_in(KEYS["ops"])
    form = (await stranger.look("/console/order?order=b,a")).forms[1]
    stranger.http.cookies.delete("ninai_console")

    page = Page(await stranger.post(form))

    assert page.status == 401
    assert "There is no session, or it has ended: log in" in page.text


async def test_another_process_knows_the_session(locked_app: Litestar, stranger: Visitor) -> None:
    """Workers of one data folder share the secret, which only its owner can read."""
    await stranger.log_in(KEYS["ops"])
    folder = locked_app.state.settings.data_dir
    environ = GUARDED | {"NINAI__DATA_DIR": str(folder), "MEMORY_PROVIDER": "mock", "NINAI__JOURNAL__KIND": "none"}
    async with running_app(environ) as app, asgi_client(app) as http:
        http.cookies = stranger.http.cookies
        status = (await Visitor(http).look()).status

    assert status == 200
    assert (folder / "console.key").stat().st_mode & 0o777 == 0o600


def key_of(text: str, **rest: Any) -> KeySettings:  # noqa: ANN401 - any field of a key
    """The settings of an operator's key."""
    return KeySettings(hash=PEPPER.hash(text), scopes=["admin"], **rest)


def sessions(folder: Path, clock: Callable[[], float] = time.time, **keys: KeySettings) -> Sessions:
    """The sessions of a process that knows these keys."""
    return Sessions(SECRET, authenticating(keys, clock), EndedSessions(folder), clock)


def begun(kept: Sessions, key: str) -> str:
    """The cookie of a session that was begun with a key."""
    identity = authenticating({"ops": key_of(key)}).identify("GET", {}, Credential(key))
    return kept.begin(identity).cookie


async def test_a_session_ends_after_its_time(tmp_path: Path) -> None:
    """However often it was used meanwhile."""
    clock = FakeClock()
    kept = sessions(tmp_path, clock, ops=key_of("one"))
    cookie = begun(kept, "one")

    clock.now += SESSION_SECONDS - 1
    assert await kept.resume(cookie) is not None
    clock.now += 1
    assert await kept.resume(cookie) is None


async def test_a_session_ends_with_its_secret(tmp_path: Path) -> None:
    """When another key has taken the name, and when the key was revoked, has expired, or is gone; not by a rotation."""
    moment = datetime(2027, 1, 1, tzinfo=UTC)

    def now() -> float:
        return moment.timestamp()

    cookie = begun(sessions(tmp_path, now, ops=key_of("one")), "one")
    keys = {
        "same": {"ops": key_of("one")},
        "rotated": {"ops": key_of("two", former_hash=PEPPER.hash("one"))},
        "another": {"ops": key_of("two")},
        "gone": {"other": key_of("one")},
        "revoked": {"ops": key_of("one", revoked=moment)},
        "expired": {"ops": key_of("one", expires=moment)},
    }
    resumed = {name: await sessions(tmp_path, now, **known).resume(cookie) for name, known in keys.items()}

    assert {name for name, session in resumed.items() if session is not None} == {"same", "rotated"}


@pytest.mark.parametrize("cookie", ["", ".", "x.y", "ü.ü", "e30.", "a" * 10_000])
async def test_what_was_not_given_out_is_no_session(tmp_path: Path, cookie: str) -> None:
    """Nor what was given out for something else, or changed by one character."""
    kept = sessions(tmp_path, ops=key_of("one"))
    given = begun(kept, "one")

    assert await kept.resume(cookie) is None
    assert await kept.resume(kept.notice("text")) is None
    assert kept.read_notice(given) is None
    changed = [given[:place] + "~" + given[place + 1 :] for place in range(len(given))]
    assert [await kept.resume(one) for one in changed] == [None] * len(given)


async def test_the_session_of_nobody_is_nobodys(tmp_path: Path) -> None:
    """No key can be called like that."""
    kept = sessions(tmp_path, ops=key_of("one"))
    one, other = kept.begin_for_nobody(), kept.begin_for_nobody()

    assert (one.key, one.identity, await kept.resume(one.cookie)) == (NO_KEY, None, one)
    assert one.form != other.form
