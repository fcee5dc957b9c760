"""Circuit breakers forced and released on the console."""

import pytest

from app.http.operator_schemas import MAX_REASON_CHARS
from tests.support.api import asgi_client, running_app
from tests.support.chains import status_of
from tests.support.following import listened
from tests.support.pages import Visitor


async def states(visitor: Visitor) -> list[str]:
    """The states of the breakers."""
    return [provider["breaker"]["state"] for provider in (await status_of(visitor.http))["providers"]]


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ("open", "No call reaches a: it is not asked, however healthy it is."),
        ("closed", "All calls reach a, whatever fails."),
        ("auto", "The breaker of a begins anew, closed, and opens by itself when calls fail."),
    ],
)
async def test_the_question_says_what_will_happen(visitor: Visitor, wish: str, sentence: str) -> None:
    """It changes nothing yet."""
    page = await visitor.look("/console/breaker", params={"provider": "a", "state": wish})

    assert page.status == 200
    assert sentence in page.text
    assert "Its breaker is closed: " in page.text
    assert await states(visitor) == ["closed", "closed"]


async def test_a_breaker_is_forced_and_released(visitor: Visitor) -> None:
    """The page tells the result with the reason that was given, offers the release, and the log names who did it."""
    with listened() as events:
        question = await visitor.send((await visitor.look()).form("/console/breaker", provider="b", state="open"))
        forced = await visitor.send(question.form("/console/breaker"), reason="disk <swap>")
        during = await states(visitor)
        release = await visitor.send(forced.form("/console/breaker", provider="b", state="auto"))
        released = await visitor.send(release.form("/console/breaker"))

    assert during == ["closed", "forced_open"]
    assert "The breaker of b is forced open now, in process" in forced.text
    assert "forced by anonymous: disk <swap>" in forced.text
    assert "The breaker of b is closed now" in released.text
    assert await states(visitor) == ["closed", "closed"]
    told = [(one["provider"], one["state"], one["operator"]) for one in events() if one["event"] == "breaker_set"]
    assert told == [("b", "open", "anonymous"), ("b", "auto", "anonymous")]


async def test_only_what_changes_something_is_offered(visitor: Visitor) -> None:
    """What is not forced cannot be released."""
    forms = [form for form in (await visitor.look()).forms if form.fields.get("provider") == "a"]

    assert [form.button for form in forms] == ["Force open…", "Force closed…"]


async def test_a_reason_that_is_too_long_is_told_and_kept(visitor: Visitor) -> None:
    """What was filled in is not lost by it."""
    question = await visitor.look("/console/breaker?provider=a&state=open")
    long = "x" * (MAX_REASON_CHARS + 1)

    page = await visitor.send(question.form("/console/breaker"), reason=long)

    assert page.status == 422
    assert "reason: expected str of length <= 500" in page.text
    assert page.form("/console/breaker").fields["reason"] == long
    assert await states(visitor) == ["closed", "closed"]


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({"provider": "c"}, 404, "'c' is not in the order, which is: a, b"),
        ({"state": "shut"}, 422, "state: must be one of auto, closed, open, got 'shut'"),
        ({"state": ""}, 422, "state: must be one of auto, closed, open, got ''"),
        ({"further": "1"}, 422, "further: is not a known field"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    visitor: Visitor, fields: dict[str, str], status: int, reason: str
) -> None:
    """With the status of the admin API, in words, on a page."""
    form = (await visitor.look("/console/breaker?provider=a&state=open")).form("/console/breaker")

    page = await visitor.send(form, **fields)

    assert page.status == status
    assert reason in page.text
    assert await states(visitor) == ["closed", "closed"]


@pytest.mark.parametrize(
    ("asked", "status"), [("provider=c&state=open", 404), ("provider=a&state=shut", 422), ("provider=a", 400)]
)
async def test_a_question_about_nothing_is_refused(visitor: Visitor, asked: str, status: int) -> None:
    """A link that was typed wrong ends on a page that says so."""
    assert (await visitor.look(f"/console/breaker?{asked}")).status == status


async def test_a_provider_without_another_and_without_a_journal_is_spoken_of_so() -> None:
    """With several processes, the question says that it is about one."""
    async with running_app({"MEMORY_PROVIDER": "mock", "NINAI__SERVER__WORKERS": "3"}) as app, asgi_client(app) as http:
        page = await Visitor(http).look("/console/breaker?provider=mock&state=open")

    assert "There is no other provider and no journal: reads and writes are refused with 503." in page.text
    assert "It is the breaker of this process alone; the 2 others keep theirs." in page.text
