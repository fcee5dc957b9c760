"""The way into the console with an API key, and what the browser keeps of it."""

from http.cookies import Morsel, SimpleCookie

import httpx
import pytest
from litestar import Litestar

from app.auth.keys import hash_key
from app.console.session import NO_KEY, SESSION_SECONDS, Sessions
from app.settings.model import KeySettings
from tests.app.console.conftest import GUARDED, KEYS
from tests.support.api import asgi_client, running_app
from tests.support.clock import FakeClock
from tests.support.following import listened
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
        (KEYS["plain"], 403, 'This API key lacks the scope "admin"'),
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


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True), ("HTTPS, http", True)])
async def test_the_cookie_is_kept_close(stranger: Visitor, scheme: str, *, secure: bool) -> None:
    """No script reads it, no other site sends it, no other path gets it, it ends, and does not hold the key."""
    form = (await stranger.look()).form("/console/login")

    headers = {"Origin": "http://127.0.0.1", "X-Forwarded-Proto": scheme}
    cookie = cookie_in(await stranger.post(form, headers, key=KEYS["ops"]), "ninai_console")

    assert (cookie["httponly"], cookie["samesite"].lower(), cookie["path"]) == (True, "strict", "/console")
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
    """For what is no browser; to change something takes the form's token all the same."""
    page = await stranger.look("/console/order?order=a,b", headers=headers)
    response = await stranger.post(page.forms[1], {**headers})
    stranger.http.cookies.clear()
    without = await stranger.post(page.forms[1], {**headers})

    assert (page.status, response.status_code, without.status_code) == (200, 303, 403)


@pytest.mark.parametrize(("key", "status"), [("ninai_unknown", 401), (KEYS["plain"], 403)])
async def test_a_wrong_key_in_a_header_counts_for_more_than_a_session(stranger: Visitor, key: str, status: int) -> None:
    """Who shows a key wants to be known by it."""
    await stranger.log_in(KEYS["ops"])

    assert (await stranger.look(headers={"X-API-Key": key})).status == status


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


def sessions(clock: FakeClock | None = None, **keys: str) -> Sessions:
    """The sessions of a process that knows these keys by their hashes."""
    known = {name: KeySettings(hash=hash_key(key), scopes=["admin"]) for name, key in keys.items()}
    return Sessions(SECRET, known, *([clock] if clock is not None else []))


def test_a_session_ends_after_its_time() -> None:
    """However often it was used meanwhile."""
    clock = FakeClock()
    begun = sessions(clock, ops="one")
    cookie = begun.begin("ops").cookie

    clock.now += SESSION_SECONDS - 1
    assert begun.resume(cookie) is not None
    clock.now += 1
    assert begun.resume(cookie) is None


def test_a_session_ends_with_its_key() -> None:
    """Also when another key has taken the name."""
    cookie = sessions(ops="one").begin("ops").cookie

    assert sessions(ops="one").resume(cookie) is not None
    assert sessions(ops="two").resume(cookie) is None
    assert sessions(other="one").resume(cookie) is None


@pytest.mark.parametrize("cookie", ["", ".", "x.y", "ü.ü", "e30.", "a" * 10_000])
def test_what_was_not_given_out_is_no_session(cookie: str) -> None:
    """Nor what was given out for something else, or changed by one character."""
    begun = sessions(ops="one")
    given = begun.begin("ops").cookie

    assert begun.resume(cookie) is None
    assert begun.resume(begun.notice("text")) is None
    assert begun.read_notice(given) is None
    assert all(begun.resume(given[:place] + "~" + given[place + 1 :]) is None for place in range(len(given)))


def test_the_session_of_nobody_is_nobodys() -> None:
    """No key can be called like that."""
    begun = sessions(ops="one")
    one, other = begun.begin(NO_KEY), begun.begin(NO_KEY)

    assert (one.key, begun.resume(one.cookie)) == (NO_KEY, one)
    assert one.form != other.form
