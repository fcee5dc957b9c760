"""What the first page tells: the providers, the journal, the configuration, and which process answers."""

import os
import re
from pathlib import Path
from typing import NoReturn

import httpx
import pytest
from litestar import Litestar

from providers.chain.breaker import CircuitBreaker
from providers.chain.policy import OperationClass
from providers.errors import Unavailable
from providers.journal.base import JournalUnavailable
from providers.journal.operations import Dead
from tests.providers.journal.rig import LONG, remember, settle
from tests.support.api import ABSENT_ID, Api, asgi_client, fresh_user, running_app
from tests.support.chains import two_providers
from tests.support.pages import Visitor
from tests.support.redis import RedisServer

HOSTILE = "<script>alert(1)</script>\"'&"


class Unreachable:
    """A journal that cannot be asked."""

    id = "none"

    async def status(self) -> NoReturn:
        """Fail."""
        raise JournalUnavailable("<disk>")


def breaker_of(app: Litestar, name: str) -> CircuitBreaker:
    """The circuit breaker of a provider."""
    breaker: CircuitBreaker = app.state.chain.route.link(name).attempts.guards.breaker
    return breaker


async def test_every_provider_is_shown_in_its_order(visitor: Visitor) -> None:
    """Name, role, kind, breaker, calls and backlog, and in words what the latency was."""
    await Api(visitor.http, fresh_user()).stored("tea")

    page = await visitor.look()

    assert page.status == 200
    assert "1 a home mock Breaker closed for" in page.text
    assert "2 b standby mock Breaker closed for" in page.text
    assert "Calls under way 0 of 128 places Pending" in page.text
    assert "Latency of the attempts of this process at a, in milliseconds, over the last 15 minutes" in page.text
    assert "All is well" in page.text


async def test_who_answers_is_shown(visitor: Visitor) -> None:
    """Each process has its own breakers, so that it matters which one it was."""
    text = (await visitor.look()).text

    assert f"Process {os.getpid()} on" in text
    assert "Version 0.1.0" in text
    assert "as anonymous" in text


async def test_a_newcomer_is_shown_as_filling(newcomer: Visitor) -> None:
    """It says why it does not answer yet."""
    text = (await newcomer.look()).text

    assert "2 b filling mock Has not received everything: is about to be filled" in text


async def test_a_newcomer_that_refuses_the_password_is_no_newcomer_to_wait_for(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    """What is wrong stands on its card and among what needs attention, and the password does not."""
    wrong = {"NINAI__PROVIDERS__B__KIND": "redis", "NINAI__PROVIDERS__B__URL": f"{redis_server.url}?password=canary"}
    async with running_app(two_providers(tmp_path) | wrong) as app, asgi_client(app) as http:
        text = (await Visitor(http).look()).text

    assert "2 b filling redis Has not received everything: waits: Redis refuses user or password" in text
    assert "The store of b has not said yet which one it is: Redis refuses user or password" in text
    assert "canary" not in text


async def test_a_failing_provider_stands_out(new_app: Litestar, newcomer: Visitor) -> None:
    """The breaker's state, why, when it is tried again, and the last error with its time; above all the effect."""
    breaker = breaker_of(new_app, "a")
    while not breaker.refuses():
        breaker.ended(breaker.begin(), OperationClass.READ, Unavailable("no answer from db.internal"))

    page = await newcomer.look()

    assert re.search(r"Breaker open for \d\.\d s, next try in", page.text)
    assert re.search(
        r"Last error Unavailable \d\.\d s ago no answer from db.internal \d+ of \d+ recent calls failed", page.text
    )
    assert re.search(r"The breaker of a is open: \d+ failures in a row, the last was Unavailable\.", page.text)
    assert "Reads fail, writes are accepted" in page.text
    assert "All is well" not in page.text


async def test_callers_come_first(newcomer: Visitor) -> None:
    """What they asked for and what they got, and how much the service holds."""
    await Api(newcomer.http, fresh_user()).stored("tea")

    text = (await newcomer.look()).text

    assert re.search(r"Callers Requests a second \d\S* Errors 0 % Refused 0 % Degraded 0 % Memories 1 Users 1", text)
    assert "POST /memory/remember 1 0 % 0 % 0 % Latency of the requests POST /memory/remember to this process" in text
    assert text.index("Callers") < text.index("Providers")


async def test_a_failure_of_a_caller_is_the_headline(new_app: Litestar, newcomer: Visitor) -> None:
    """However well the providers look by the time that somebody looks, with text, time and the id of the request."""
    for name in ("a", "b"):
        breaker_of(new_app, name).force_open("for a test")
    question = {"user_id": fresh_user(), "query": "tea"}
    response = await newcomer.http.post("/memory/recall", json=question)
    for name in ("a", "b"):
        breaker_of(new_app, name).release()

    text = (await newcomer.look()).text

    assert response.status_code == 503
    assert "1 of 1 read failed in the last minute" in text
    assert "1 of 1 request (100 %) failed in the last 15 minutes." in text
    assert "POST /memory/recall was answered 503: " in text
    assert response.headers["x-request-id"] in text
    assert "All is well" not in text


async def test_dead_letters_are_shown_without_user_memory_and_text(new_app: Litestar, newcomer: Visitor) -> None:
    """Number, provider, operation, class and age are enough to decide where to look."""
    journal = new_app.state.chain.journal
    [answer] = await journal.append([remember(ABSENT_ID, "private")], held="b", seconds=LONG)
    await settle(journal, Dead(seq=answer.entry.seq, provider="b", error="refused: private words"))

    page = await newcomer.look()

    assert re.search(r"1 b remember refused \d+\.\d s ago 1", page.text)
    assert "b has 1 dead letter." in page.text
    for kept in ("private", "kannan", ABSENT_ID):
        assert kept not in page.response.text


async def test_the_journal_is_shown_in_numbers(visitor: Visitor) -> None:
    """Its kind, that it is up, and what each member has not confirmed."""
    text = (await visitor.look()).text

    assert "State sqlite up Operations" in text
    assert "Provider Pending Oldest Dead Discarded a 0 - 0 0 b 0 - 0 0" in text


async def test_a_journal_out_of_reach_is_told(tmp_path: Path) -> None:
    """The page is there all the same, since this is when it is needed."""
    async with running_app(two_providers(tmp_path)) as app, asgi_client(app) as http:
        app.state.chain.journal = Unreachable()
        page = await Visitor(http).look()

    assert page.status == 200
    assert "Journal sqlite out of reach <disk>" in page.text
    assert "The journal is out of reach: no write is accepted." in page.text


async def test_a_single_provider_has_no_journal(mock_http: httpx.AsyncClient) -> None:
    """That there is none is said."""
    page = await Visitor(mock_http).look()

    assert page.status == 200
    assert "Journal There is none" in page.text


async def test_whatever_is_shown_is_text(new_app: Litestar, newcomer: Visitor) -> None:
    """Reasons come from operators and from errors; none of them becomes a part of the page."""
    breaker_of(new_app, "a").force_open(HOSTILE)
    new_app.state.chain.membership.filling.reasons["b"] = HOSTILE
    new_app.state.reloader.refused_for = HOSTILE

    page = await newcomer.look()

    assert page.text.count(HOSTILE) == 4
    assert HOSTILE not in page.response.text
    assert [attributes.get("src") for tag, attributes in page.tags if tag == "script"] == ["/console/files/console.js"]


@pytest.mark.parametrize(
    "path", ["/console", "/console/order", "/console/order?order=b,a", "/console/breaker?provider=a&state=open"]
)
async def test_pages_are_well_made(visitor: Visitor, path: str) -> None:
    """Ids are given once, what they are said to label is there, and every field that is seen has a label."""
    page = await visitor.look(path)

    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for name in ("aria-labelledby", "aria-describedby", "for"):
        assert {given[name] for _, given in page.tags if name in given} <= set(ids)
    seen = {given.get("id") for tag, given in page.tags if tag == "input" and given.get("type") != "hidden"}
    assert seen <= {given.get("for") for tag, given in page.tags if tag == "label"}
    assert not [given for _, given in page.tags if any(name.startswith("on") or name == "style" for name in given)]
    assert all(given.get("scope") for tag, given in page.tags if tag == "th")
