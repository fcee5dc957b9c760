"""The order set on the console: asked for, said what it changes, and put in force or refused."""

import httpx

from app.console.actions import MAX_ORDER_CHARS
from tests.support.chains import status_of
from tests.support.following import listened
from tests.support.pages import Visitor


async def test_a_button_leads_to_a_question(visitor: Visitor) -> None:
    """Moving a provider says first what that would change, and changes nothing yet."""
    page = await visitor.send(next(form for form in (await visitor.look()).forms if form.button == "↑ Up…"))

    assert page.status == 200
    assert "Put this order in force?" in page.text
    assert "In force a, b" in page.text
    assert "Wanted b, a" in page.text
    assert "b becomes home: it confirms writes, and reads ask it first." in page.text
    assert (await status_of(visitor.http))["order"] == ["a", "b"]


async def test_the_first_goes_down_and_the_last_goes_up(visitor: Visitor) -> None:
    """Nobody is moved out of the order: of two, each has one way to go."""
    page = await visitor.look()

    assert [form.button for form in page.forms if form.action == "/console/order"] == ["↓ Down…", "↑ Up…"]


async def test_an_order_is_put_in_force(visitor: Visitor) -> None:
    """The answer leads to the first page, which tells once what was done, and the log who did it."""
    question = await visitor.look("/console/order", params={"order": "b, a"})
    with listened() as events:
        told = await visitor.send(question.forms[0])

    assert (await status_of(visitor.http))["home"] == "b"
    assert told.status == 200
    assert "The order is b, a now." in told.text
    assert "Set by anonymous" in told.text
    assert "Configured a, b" in told.text
    assert "now." not in (await visitor.look()).text
    assert [(one["order"], one["set_by"]) for one in events() if one["event"] == "order_set"] == [
        (["b", "a"], "anonymous")
    ]


async def test_reloading_after_an_action_repeats_nothing(visitor: Visitor) -> None:
    """A form is answered with a page to go to, never with the page itself."""
    question = await visitor.look("/console/order?order=b,a")
    response = await visitor.post(question.forms[0])

    assert (response.status_code, response.headers["location"]) == (httpx.codes.SEE_OTHER, "/console")


async def test_a_refused_order_is_told_where_it_was_asked_for(newcomer: Visitor) -> None:
    """Who has not received everything cannot be all that is left: the reason, with the status of the admin API."""
    question = await newcomer.look("/console/order?order=b")
    page = await newcomer.send(question.form("/console/order", order="b", token=question.forms[0].fields["token"]))

    assert "None of these has received everything, so this order may be refused." in question.text
    assert page.status == 409
    assert "none of b has received everything: keep a in the order" in page.text
    assert page.forms[-1].fields["order"] == "b"
    assert (await status_of(newcomer.http))["order"] == ["a", "b"]


async def test_what_is_no_order_is_refused(visitor: Visitor) -> None:
    """Who is not configured, who is named twice, and nobody at all: 422 with the reason in words."""
    form = (await visitor.look("/console/order?order=b,a")).forms[0]
    reasons = {
        "a,c": '"c" is not configured',
        "a,a": '"a" is named twice',
        " , ": "expected at least one provider",
        "<b>": '"<b>" is not configured',
    }
    for order, reason in reasons.items():
        page = await visitor.send(form, order=order)
        assert page.status == 422
        assert reason in page.text
    assert (await status_of(visitor.http))["order"] == ["a", "b"]


async def test_an_order_is_no_longer_than_a_page_can_tell_of(visitor: Visitor) -> None:
    """One character more than the limit is refused, as a question and as an order."""
    form = (await visitor.look("/console/order?order=b,a")).forms[0]
    # Of blanks, since a form of as many commas would itself be too large.
    just, more = "b,a".ljust(MAX_ORDER_CHARS), "b,a".ljust(MAX_ORDER_CHARS + 1)

    asked = [(await visitor.look("/console/order", params={"order": order})).status for order in (just, more)]
    refused = await visitor.send(form, order=more)

    assert asked == [200, 422]
    assert (refused.status, "length &lt;= 4000" in refused.text or "length <= 4000" in refused.text) == (422, True)
    assert (await status_of(visitor.http))["order"] == ["a", "b"]
    assert (await visitor.send(form, order=just)).status in {200, 303}


async def test_an_order_can_be_typed(visitor: Visitor) -> None:
    """The form is filled in with the order in force, names who is configured, and leads to the question."""
    page = await visitor.look("/console/order")
    question = await visitor.send(page.form("/console/order", order="a,b"), order="b")

    assert "Configured are: a (mock), b (mock)" in page.text
    assert "a leaves the order: it gets no writes and answers nothing any more." in question.text


async def test_the_order_in_force_is_known_as_such(visitor: Visitor) -> None:
    """To ask for it changes nothing, and that is what is said."""
    assert "nothing will change" in (await visitor.look("/console/order?order=a,b")).text


async def test_a_parameter_that_is_not_known_is_refused(visitor: Visitor) -> None:
    """As on every other route; the answer is a page."""
    page = await visitor.look("/console/order?odrer=a,b")

    assert page.status == 422
    assert "odrer: is not a known parameter" in page.text
