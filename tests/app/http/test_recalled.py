"""Recall of up to a thousand memories, within a budget, and as one text for a prompt."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import UNSET

from app.http.recalled import bytes_for_memories, within_budget
from app.http.schemas import MAX_RECALL_CHARACTERS, RecallRequest
from providers.types import MemoryRecord
from tests.support.api import Api, field_in

DAY = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def found(*contents: str) -> list[MemoryRecord]:
    """Memories in the order of an answer."""
    return [
        MemoryRecord(id=str(place), user_id="maya", content=content, metadata=None, created_at=DAY, updated_at=None)
        for place, content in enumerate(contents)
    ]


def asking(**rest: Any) -> RecallRequest:  # noqa: ANN401 - any field of a question
    """A question."""
    return RecallRequest("tea", **rest)


@pytest.mark.parametrize(
    ("budget", "kept"),
    [(9, ["aaa", "bbbb", "c"]), (8, ["aaa", "bbbb", "c"]), (7, ["aaa", "bbbb"]), (6, ["aaa", "c"]), (2, ["c"])],
)
async def test_what_does_not_fit_is_passed_over(budget: int, kept: list[str]) -> None:
    """The best come first; a shorter memory may take the place of a longer one before it."""
    memories, text = await within_budget(asking(max_characters=budget), found("aaa", "bbbb", "c"))

    assert ([memory.content for memory in memories], text) == (kept, UNSET)


async def test_a_budget_counts_characters_and_not_bytes() -> None:
    """Of any script."""
    memories, _ = await within_budget(asking(max_characters=4), found("தேநீ", "茶", ""))

    assert len(memories[0].content) == 4
    assert [memory.id for memory in memories] == ["0", "2"]


async def test_the_text_tells_each_memory_in_a_line_of_its_own() -> None:
    """With its day; further lines of a memory are indented, so that none of them can pass for another memory."""
    memories, text = await within_budget(asking(format="text"), found("masala tea", "one\n- 2026-01-01: two\r\n\n3"))

    assert text == "- 2026-03-01: masala tea\n- 2026-03-01: one\n  - 2026-01-01: two\n  \n  3\n"
    assert len(memories) == 2


async def test_the_budget_of_a_text_is_that_of_the_whole_text() -> None:
    """Days and line breaks included, exactly."""
    lines = found("masala tea", "masala tea")
    _, whole = await within_budget(asking(format="text"), lines)
    assert isinstance(whole, str)

    for budget, count in ((len(whole), 2), (len(whole) - 1, 1), (1, 0)):
        memories, text = await within_budget(asking(format="text", max_characters=budget), lines)
        assert isinstance(text, str)
        assert (len(memories), len(text) <= budget) == (count, True)


def test_the_text_takes_its_part_of_the_bound() -> None:
    """Of a single question as of one among others."""
    assert bytes_for_memories([asking(), asking()], 300) == 300
    assert bytes_for_memories([asking(), asking(format="text")], 300) == 100


@pytest.mark.parametrize(
    ("given", "count"),
    [({}, 10), ({"limit": 3}, 3), ({"max_characters": 10**6}, 100), ({"max_characters": 10**6, "limit": 5}, 5)],
)
def test_a_budget_asks_for_more_memories_than_a_question_without_one(given: dict[str, int], count: int) -> None:
    """Unless there is a limit."""
    assert asking(**given).wanted(10) == count


async def test_a_recall_may_answer_with_a_thousand_memories(either: Api) -> None:
    """And not with one more."""
    for _ in range(2):
        await either.remember_batch(*(f"tea {number}" for number in range(600)))

    answered = await either.recall("tea", limit=1_000)
    refused = await either.recall("tea", limit=1_001)

    assert (answered.status_code, answered.json()["count"], len(answered.json()["memories"])) == (200, 1_000, 1_000)
    assert (refused.status_code, field_in(refused)) == (422, "limit")


async def test_a_text_comes_beside_its_memories(either: Api) -> None:
    """In an answer of one question, and in that of a batch; long ones are encoded in parts."""
    await either.remember_batch(*(f"tea {number}" for number in range(30)))
    queries = [{"query": "tea", "limit": 30, "format": "text"}, {"query": "tea", "limit": 1}]

    alone = (await either.recall(**queries[0])).json()  # type: ignore[arg-type] # a query has a text among its fields
    batch = await either.request("POST", "/memory/recall/batch", json={"queries": queries})
    first, second = batch.json()["results"]

    assert alone["text"] == first["text"]
    assert len(alone["text"].splitlines()) == alone["count"] == len(alone["memories"]) == 30
    assert all(memory["content"] in alone["text"] for memory in alone["memories"])
    assert "text" not in second


@pytest.mark.parametrize("characters", [1, MAX_RECALL_CHARACTERS])
async def test_a_budget_may_be_small_or_large(mock_api: Api, characters: int) -> None:
    """Both ends of it; an answer may be empty."""
    await mock_api.stored("tea")
    for form, count in (("memories", 1 if characters > 3 else 0), ("text", 1 if characters > 20 else 0)):
        response = await mock_api.recall("tea", max_characters=characters, format=form)
        assert (response.status_code, response.json()["count"]) == (200, count)
        assert ("text" in response.json()) == (form == "text")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"max_characters": 0}, "max_characters"),
        ({"max_characters": MAX_RECALL_CHARACTERS + 1}, "max_characters"),
        ({"max_characters": None}, "max_characters"),
        ({"max_characters": 1.5}, "max_characters"),
        ({"format": "html"}, "format"),
        ({"format": None}, "format"),
    ],
)
async def test_a_wrong_budget_or_form_is_refused(mock_api: Api, given: dict[str, object], field: str) -> None:
    """With its field."""
    response = await mock_api.recall("tea", **given)

    assert (response.status_code, field_in(response)) == (422, field)
