"""The memories of a user as an operator lists and recalls them."""

import httpx
import pytest

from tests.support.api import Api, fresh_user
from tests.support.pages import Page, Visitor


async def memories_of(visitor: Visitor, user: str, **asked: str) -> Page:
    """The page with a user's memories."""
    return await visitor.look("/console/memories", params={"user": user, **asked})


@pytest.fixture
def api(visitor: Visitor) -> Api:
    """A user whose memories are looked at."""
    return Api(visitor.http, fresh_user())


async def test_a_list_begins_with_the_newest_and_says_who_answered(visitor: Visitor, api: Api) -> None:
    """With how many there are, and a way to each."""
    first, second = [await api.stored(f"likes {drink}") for drink in ("tea", "coffee")]

    page = await memories_of(visitor, api.user)

    assert page.status == 200
    assert "2 memories" in page.text
    assert "Answered by a" in page.text
    assert page.text.index("likes coffee") < page.text.index("likes tea")
    links = [given["href"] for tag, given in page.tags if tag == "a" and "/console/memory?" in given.get("href", "")]
    assert [link.rpartition("id=")[2] for link in links] == [second, first]


async def test_conditions_choose_memories_and_stay_in_the_form(visitor: Visitor, api: Api) -> None:
    """Labels, metadata, times and the beginning of a key, each of them alone."""
    await api.request(
        "PUT", "/memory/keys/drinks/tea", json={"content": "green tea", "speaker": "anna", "origin": "tool"}
    )
    await api.stored("black coffee", {"topic": "coffee"})

    by_label = await memories_of(visitor, api.user, speaker="anna")
    by_origin = await memories_of(visitor, api.user, origin="tool", source_caller="anonymous")
    by_key = await memories_of(visitor, api.user, key_prefix="drinks/")
    by_metadata = await memories_of(visitor, api.user, where='{"op": "eq", "field": "topic", "value": "coffee"}')
    earlier = await memories_of(visitor, api.user, created_before="2020-01-01")
    later = await memories_of(visitor, api.user, created_from="2020-01-01T10:30", agent="", query="")

    for page in (by_label, by_key, by_origin):
        assert "green tea" in page.text
        assert "black coffee" not in page.text
        assert "1 memory" in page.text
    assert "speaker: anna" in by_label.text
    assert by_label.form("/console/memories").fields["speaker"] == "anna"
    assert "black coffee" in by_metadata.text
    assert "green tea" not in by_metadata.text
    assert "No memory" in earlier.text
    assert "2 memories" in later.text


@pytest.mark.parametrize(
    ("asked", "status", "reason"),
    [
        ({"created_from": "yesterday"}, 422, "created_from: must be a date"),
        ({"where": "{"}, 422, "where: is not JSON"),
        ({"where": '{"op": "is"}'}, 422, "where"),
        ({"origin": "rumour"}, 422, "origin: must be one of user, assistant, tool, document, import"),
        ({"speaker": "x" * 257}, 422, "speaker: must be at most 256 characters, got 257"),
        ({"key_prefix": "x" * 256}, 422, "key_prefix: must be at most 255 characters, got 256"),
        ({"query": "x" * 32_001}, 422, "query: must be at most 32000 characters, got 32001"),
        ({"cursor": "bad"}, 422, "cursor: is not a cursor of this service"),
    ],
)
async def test_what_cannot_be_asked_is_told_above_the_form(
    visitor: Visitor, asked: dict[str, str], status: int, reason: str
) -> None:
    """What was filled in is not lost by it."""
    page = await memories_of(visitor, "alice", **asked)

    assert page.status == status
    assert reason in page.text
    if "cursor" not in asked:
        assert asked.items() <= page.form("/console/memories").fields.items()


@pytest.mark.parametrize(
    "asked",
    [{"speaker": "x" * 256}, {"key_prefix": "x" * 255}, {"query": "x" * 32_000}, {"created_from": "2020-01-01Z"}],
)
async def test_the_longest_conditions_are_taken(visitor: Visitor, asked: dict[str, str]) -> None:
    """They are those of the API."""
    asked = {name: text.removesuffix("Z") for name, text in asked.items()}

    assert (await memories_of(visitor, "alice", **asked)).status == 200


@pytest.mark.parametrize("user", ["", " ", "*", "x" * 257, "a\x00b"])
async def test_what_can_be_no_user_is_refused(visitor: Visitor, user: str) -> None:
    """On a page, in the words of the API."""
    page = await memories_of(visitor, user)

    assert page.status == 422
    assert "user_id: must" in page.text


async def test_an_unknown_parameter_is_refused(visitor: Visitor) -> None:
    """As everywhere."""
    assert (await memories_of(visitor, "alice", limit="5")).status == 422


async def test_pages_follow_each_other_with_their_conditions(visitor: Visitor, api: Api) -> None:
    """Each memory is on one page."""
    contents = [f"number {number:03}" for number in range(30)]
    await api.request(
        "POST", "/memory/remember/batch", json={"memories": [{"content": one, "app": "x"} for one in contents]}
    )

    page = await memories_of(visitor, api.user, app="x")
    [link] = [given["href"] for tag, given in page.tags if tag == "a" and "cursor=" in given.get("href", "")]
    rest = await visitor.look(link)

    assert "30 memories" in page.text
    shown = [[one for one in contents if one in each.text] for each in (page, rest)]
    assert [len(one) for one in shown] == [25, 5]
    assert sorted(shown[0] + shown[1]) == contents
    assert "Next memories" not in rest.text
    assert "First page" in rest.text


async def test_a_recall_shows_the_parts_of_each_score_as_bars(visitor: Visitor, api: Api) -> None:
    """In the numbers of the API, and without any style in the page."""
    for content in ("likes green tea", "owns a bicycle", "tea for two"):
        await api.stored(content)
    [best, *_] = (await api.recall("green tea", explain=True)).json()["memories"]

    page = await memories_of(visitor, api.user, query="green tea")

    assert page.text.index("likes green tea") < page.text.index("owns a bicycle" if "bicycle" in page.text else "two")
    assert f"score {best['similarity_score']:.3f}" in page.text
    assert f"words (BM25) {best['explanation']['words']:.3f}" in page.text
    assert "Place 1, by the score alone 1" in page.text
    widths = [float(given["width"]) for tag, given in page.tags if tag == "rect" and "bar-part" in given["class"]]
    assert widths[0] == round(best["similarity_score"] * 100, 1)
    assert all(0 <= width <= 100 for width in widths)
    assert "style=" not in page.response.text
    assert "3 looked at" in page.text


async def test_a_long_text_is_cut_in_a_list(visitor: Visitor, api: Api) -> None:
    """With its length, and a way to the rest."""
    await api.stored("a" * 5_000 + "end")
    await api.stored("line\n" * 50)

    page = await memories_of(visitor, api.user)

    assert "… 5,003 characters" in page.text
    assert "a" * 401 not in page.response.text
    assert page.response.text.count("line") < 10


async def test_the_export_is_a_file_in_the_format_of_the_api(visitor: Visitor, api: Api) -> None:
    """With the same conditions as the list, by a link that stands on it."""
    await api.stored("likes tea")
    await api.request("POST", "/memory/remember", json={"content": "said by anna", "speaker": "anna"})
    page = await memories_of(visitor, api.user, speaker="anna")
    [link] = [given["href"] for tag, given in page.tags if tag == "a" and "/export?" in given.get("href", "")]

    file = await visitor.http.get(link)
    own = await api.request("GET", "/memory/export", params={"speaker": "anna"})

    assert file.status_code == httpx.codes.OK
    assert file.text.splitlines()[1:] == own.text.splitlines()[1:]
    assert "said by anna" in file.text
    assert "likes tea" not in file.text
    assert file.headers["content-disposition"].startswith("attachment; ")
    assert f"memories%20of%20{api.user}.ndjson" in file.headers["content-disposition"]
    assert file.headers["cache-control"] == "no-store"
