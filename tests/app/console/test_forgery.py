"""Pages of other sites cannot act through an operator's browser, whether a key is asked for or not."""

import httpx
import pytest

from tests.app.console.conftest import KEYS
from tests.support.api import problem_in
from tests.support.chains import status_of
from tests.support.pages import Form, Page, Visitor

FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "http://127.0.0.1:8001"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
]
OWN: list[dict[str, str]] = [
    {"Origin": "http://127.0.0.1"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://console.internal", "Sec-Fetch-Site": "same-origin"},  # a proxy has changed the Host
    {},  # no browser
]


async def question(visitor: Visitor) -> Form:
    """The form that would set another order."""
    return (await visitor.look("/console/order?order=b,a")).forms[0]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_form_on_another_site_does_nothing(visitor: Visitor, headers: dict[str, str]) -> None:
    """Even one with the right token, which no other site can know."""
    response = await visitor.post(await question(visitor), headers)

    assert (response.status_code, "page of another site" in response.text) == (403, True)
    assert (await status_of(visitor.http))["order"] == ["a", "b"]


@pytest.mark.parametrize("headers", OWN)
async def test_a_form_of_our_own_is_taken(visitor: Visitor, headers: dict[str, str]) -> None:
    """Over HTTP to another machine browsers send `Origin` alone; other clients send neither."""
    assert (await visitor.post(await question(visitor), headers)).status_code == httpx.codes.SEE_OTHER


@pytest.mark.parametrize("token", ["", "x", "ü"])
async def test_a_form_without_the_token_does_nothing(visitor: Visitor, token: str) -> None:
    """A browser sends the cookie by itself; the token stands on our pages alone."""
    response = await visitor.post(await question(visitor), token=token)

    assert (response.status_code, "The page was out of date" in response.text) == (403, True)
    assert (await status_of(visitor.http))["order"] == ["a", "b"]


async def test_the_token_belongs_to_one_session(visitor: Visitor) -> None:
    """What another browser was given is worth nothing here."""
    form = await question(visitor)
    visitor.http.cookies.clear()
    await visitor.look()

    assert (await visitor.post(form)).status_code == 403


async def test_without_its_cookie_a_form_does_nothing(visitor: Visitor) -> None:
    """Also where no key is asked for."""
    form = await question(visitor)
    visitor.http.cookies.clear()

    assert (await visitor.post(form)).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", "10.0.0.1", "", "[::"])
async def test_another_name_for_this_machine_opens_nothing(visitor: Visitor, host: str) -> None:
    """A foreign name that leads here (DNS rebinding) is no foreign site to the browser, but to us."""
    page = await visitor.look(headers={"Host": host})

    assert page.status == 403
    assert "Without API keys the service answers on names of its own machine alone" in page.text
    assert "ninai_console" not in page.response.cookies


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1:9000", "127.1.2.3", "[::1]:8000", "a.localhost"]
)
async def test_the_names_of_this_machine_are_known(visitor: Visitor, host: str) -> None:
    """However it is reached from here, also through a tunnel."""
    assert (await visitor.look(headers={"Host": host})).status == 200


async def test_with_keys_the_name_does_not_matter(stranger: Visitor) -> None:
    """Who has no key gets nowhere under any name, and an operator's session belongs to the name it was begun under."""
    response = await stranger.http.get(
        "/console", headers={"Host": "ops.example", "Authorization": f"Bearer {KEYS['ops']}"}
    )

    assert Page(response).status == 200


async def test_a_login_is_guarded_as_well(stranger: Visitor) -> None:
    """Nobody is logged in by another site under a key of its own."""
    form = (await stranger.look()).form("/console/login")

    foreign = await stranger.post(form, {"Origin": "http://evil.example"}, key=KEYS["ops"])
    nowhere = await stranger.post(form, {"Origin": "http://["}, key=KEYS["ops"])
    tokenless = await stranger.post(form, key=KEYS["ops"], token="")

    assert (foreign.status_code, nowhere.status_code, tokenless.status_code) == (403, 403, 403)
    assert "ninai_console" not in stranger.http.cookies
    assert Page(tokenless).form("/console/login").method == "post"


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("text/plain", b"order=b,a", 415),
        ("application/x-www-form-urlencoded", b"\xff", 400),
        ("application/x-www-form-urlencoded", b"order=%ff", 400),
        ("application/x-www-form-urlencoded", b"order", 400),
        ("application/x-www-form-urlencoded", b"order=a&order=b", 400),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % number for number in range(50)), 400),
        ("application/x-www-form-urlencoded", b"", 403),
        ("application/x-www-form-urlencoded", b"order=" + b"x" * (8 * 1024 - 6), 403),
        ("application/x-www-form-urlencoded", b"order=" + b"x" * (8 * 1024 - 5), 413),
        ("application/x-www-form-urlencoded", b"x" * 2_000_000, 413),
    ],
)
async def test_what_is_no_form_is_refused(visitor: Visitor, content_type: str, body: bytes, status: int) -> None:
    """On a page that says why."""
    await visitor.look()
    headers = {"Content-Type": content_type, "Origin": "http://127.0.0.1"}

    assert Page(await visitor.http.post("/console/order", content=body, headers=headers)).status == status


async def test_a_method_that_a_page_does_not_take_is_a_problem(visitor: Visitor) -> None:
    """No browser sends one, so that the answer is that of the API."""
    assert problem_in(await visitor.http.put("/console"))["status"] == 405


async def test_links_change_nothing(visitor: Visitor) -> None:
    """Whatever can be asked for with GET leaves all as it is."""
    for path in ("/console/order?order=b,a", "/console/breaker?provider=a&state=open", "/console/logout"):
        await visitor.http.get(path)

    status = await status_of(visitor.http)
    assert status["order"] == ["a", "b"]
    assert {provider["breaker"]["state"] for provider in status["providers"]} == {"closed"}


async def test_sessions_of_another_service_are_worth_nothing(visitor: Visitor, newcomer: Visitor) -> None:
    """Each data folder has a secret of its own."""
    form = await question(newcomer)
    visitor.http.cookies = newcomer.http.cookies
    response = await visitor.post(form)

    assert response.status_code == 403
