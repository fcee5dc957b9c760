"""One memory on the console: what it holds, and where each provider has it."""

import httpx
import pytest
from litestar import Litestar

from providers.chain.comparing.places import Standing
from providers.owners import Owner
from providers.types import Snapshot
from tests.support.api import ABSENT_ID, Api, fresh_user
from tests.support.following import eventually
from tests.support.pages import Page, Visitor

pytestmark = pytest.mark.thorough

# Its direction is turned, it ends a line without a trace, and something is written in it that nobody sees.
HOSTILE = "<script>alert(1)</script>\u202egnp.exe\u2066\x1b[2J & \U000e0041\U000e0042 \u200b end"


async def look(visitor: Visitor, user: str, memory_id: str) -> Page:
    """The page of a memory."""
    return await visitor.look("/console/memory", params={"user": user, "id": memory_id})


async def force(visitor: Visitor, provider: str, state: str) -> None:
    """Force a breaker, as an operator does."""
    response = await visitor.http.put(f"/admin/providers/{provider}/breaker", json={"state": state})
    assert response.status_code == httpx.codes.OK


@pytest.fixture
def api(visitor: Visitor) -> Api:
    """A user whose memories are looked at."""
    return Api(visitor.http, fresh_user())


async def test_a_memory_is_shown_whole(visitor: Visitor, api: Api) -> None:
    """With its labels, its metadata, its times, and every provider."""
    stored = await api.request(
        "POST", "/memory/remember", json={"content": "likes tea", "metadata": {"cup": 2}, "speaker": "anna"}
    )
    memory_id = stored.json()["memory_id"]

    async def delivered() -> bool:
        return "b has it" in (await look(visitor, api.user, memory_id)).text

    await eventually(delivered)
    page = await look(visitor, api.user, memory_id.upper())

    assert "likes tea" in page.text
    assert "speaker anna" in page.text
    assert '"cup": 2' in page.text
    assert memory_id in page.text
    assert "source user written by anonymous" in page.text
    assert "a has it" in page.text
    assert "b has it" in page.text
    assert "Answered by a" in page.text
    assert "Providers differ" not in page.text
    assert page.response.text.count("newest</span>") == 1


async def test_nothing_in_a_memory_acts_or_hides_on_a_page(visitor: Visitor, api: Api) -> None:
    """Markup is text, and what turns the text round or is not seen stands there by its number."""
    memory_id = await api.stored(HOSTILE, {HOSTILE: [HOSTILE]})

    for page in (
        await look(visitor, api.user, memory_id),
        await visitor.look("/console/memories", params={"user": api.user}),
        await visitor.look("/console/memories", params={"user": api.user, "query": HOSTILE}),
    ):
        assert page.status == 200
        assert "script" not in {tag for tag, _ in page.tags}
        assert "<script>alert(1)</script>U+202Egnp.exeU+2066U+001B[2J & U+E0041U+E0042 U+200B end" in page.text
        assert not set("\u202e\u2066\x1b\U000e0041\U000e0042\u200b") & set(page.text)


async def test_a_long_text_is_folded(visitor: Visitor, api: Api) -> None:
    """All of it is on the page, behind its beginning; a short one is not folded."""
    long, short = [await api.stored("x" * size) for size in (2_001, 2_000)]

    folded, plain = await look(visitor, api.user, long), await look(visitor, api.user, short)

    assert "2,001 characters: show all" in folded.text
    assert "x" * 2_001 in folded.response.text
    assert "show all" not in plain.text


async def test_a_provider_that_is_down_is_named_and_what_waits_for_it(visitor: Visitor, api: Api) -> None:
    """While home is, the page comes from the other one, and says so."""
    before = await api.stored("before")
    await force(visitor, "a", "open")
    during = (await api.remember("during")).json()["memory_id"]

    async def is_delivered() -> bool:
        return "Answered by b" in (await look(visitor, api.user, before)).text

    await eventually(is_delivered)  # until then the journal answers
    old, new = await look(visitor, api.user, before), await look(visitor, api.user, during)
    memories = await visitor.look("/console/memories", params={"user": api.user})
    users = await visitor.look("/console/users", params={"prefix": api.user})

    assert (old.status, new.status) == (200, 200)
    assert "Answered by b" in old.text
    assert "a does not answer" in old.text
    assert "b has it" in old.text
    assert "during" in new.text
    assert "a does not answer a delivery is pending" in new.text
    assert "Answered by b" in memories.text
    assert "at b, without" in users.text


async def test_a_pending_delivery_is_told(visitor: Visitor, api: Api) -> None:
    """What a standby lacks that comes by itself is no difference."""
    await force(visitor, "b", "open")
    memory_id = await api.stored("comes later")

    page = await look(visitor, api.user, memory_id)

    assert "a has it" in page.text
    assert "b does not answer a delivery is pending" in page.text
    assert "Providers differ" not in page.text


async def test_nobody_down_is_taken_for_nobody_has_it(visitor: Visitor, api: Api) -> None:
    """While no provider answers the page says that, with what is known."""
    memory_id = await api.stored("somewhere")
    for name in ("a", "b"):
        await force(visitor, name, "open")

    page = await look(visitor, api.user, memory_id)

    assert page.status in {200, 503}
    assert page.text.count("does not answer") == 2


async def test_a_deleted_memory_leaves_its_tombstones(visitor: Visitor, api: Api) -> None:
    """The page tells that everybody knows, and offers nothing to forget."""
    memory_id = await api.stored("gone")
    await api.delete(memory_id)

    page = await look(visitor, api.user, memory_id)

    assert page.status == 200
    assert "It was deleted, and its text is gone." in page.text
    assert "a knows that it was deleted" in page.text
    assert "Forget" not in page.text


async def test_stores_that_differ_are_told_apart(visitor: Visitor, complete_app: Litestar, api: Api) -> None:
    """A copy that got into one store past the service is missing in the other, and nothing is about to bring it."""
    memory_id = "018f0000-0000-7000-8000-00000000d1ff"
    first = (await api.get(await api.stored("the usual one"))).json()
    home = complete_app.state.chain.route.link("a").provider
    template = await home.snapshot(Owner(api.user), first["id"])
    await home.put_many(
        [Snapshot(**{**{n: getattr(template, n) for n in Snapshot.__struct_fields__}, "id": memory_id})]
    )

    page = await look(visitor, api.user, memory_id)

    assert "a has it" in page.text
    assert "b lacks it" in page.text
    assert "Providers differ" in page.text


async def test_a_memory_that_nobody_knows_is_not_found(visitor: Visitor, api: Api) -> None:
    """The id of another user's memory is no exception, and what is no id is told so."""
    other = await api.stranger().stored("not of this user")

    assert (await look(visitor, api.user, ABSENT_ID)).status == 404
    assert (await look(visitor, api.user, other)).status == 404
    assert (await look(visitor, api.user, "7")).status == 422


def test_every_standing_is_in_words() -> None:
    """None of them can be without a badge."""
    from app.console.browser.memory_view import WORDS

    assert set(WORDS) == set(Standing)
