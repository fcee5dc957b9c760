"""The overlay of a recall: what is pending takes its place by words, and the scores stay what a caller may rely on."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.chain.overlay import Overlay
from providers.filters import Eq
from providers.journal.operations import JournalEntry, OperationKind
from providers.owners import Owner
from providers.types import MemoryRecord, Metadata, RecallQuery, Snapshot

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)


def _record(memory_id: str, content: str, score: float) -> MemoryRecord:
    return MemoryRecord(
        id=memory_id,
        user_id="kannan",
        content=content,
        metadata=None,
        created_at=MOMENT,
        updated_at=None,
        similarity_score=score,
    )


def _entry(
    memory_id: str,
    content: str | None,
    kind: OperationKind = OperationKind.REMEMBER,
    *,
    metadata: Metadata | None = None,
    created_at: datetime = MOMENT,
    pending: frozenset[str] = frozenset({"home"}),
) -> JournalEntry:
    state = Snapshot(
        user_id="kannan", id=memory_id, version=1, content=content, metadata=metadata, created_at=created_at
    )
    return JournalEntry(seq=1, kind=kind, state=state, pending=pending)


def _recalled(
    entries: Sequence[JournalEntry], found: Sequence[MemoryRecord], query: RecallQuery | None = None
) -> list[MemoryRecord]:
    return asyncio.run(Overlay(entries).recalled(query or RecallQuery(owner=Owner("kannan"), query="green tea"), found))


def _ids(records: Sequence[MemoryRecord]) -> list[str]:
    return [record.id for record in records]


def test_a_tombstone_is_laid_over_everybody() -> None:
    """A late write may undo it where it was confirmed."""
    tombstone = _entry("a", None, OperationKind.DELETE, pending=frozenset())

    assert _recalled([tombstone], [_record("a", "green tea", 0.9), _record("b", "tea", 0.5)]) == [
        _record("b", "tea", 0.5)
    ]


def test_a_pending_memory_takes_its_place_by_words() -> None:
    """Behind who answers the question better, before who answers it worse."""
    found = [_record("best", "green tea", 0.9), _record("worst", "milk", 0.1)]

    assert _ids(_recalled([_entry("pending", "black tea")], found)) == ["best", "pending", "worst"]


def test_of_two_pending_ones_the_better_stands_in_front() -> None:
    """Also if both take the same place among the others."""
    entries = [_entry("worse", "tea with milk and sugar"), _entry("better", "green tea")]

    assert _ids(_recalled(entries, [])) == ["better", "worse"]


def test_a_pending_memory_about_something_else_is_not_found() -> None:
    """It shares no word with the question."""
    assert _recalled([_entry("pending", "milk")], [_record("a", "tea", 0.5)]) == [_record("a", "tea", 0.5)]


def test_an_edited_memory_is_taken_out_and_put_where_it_belongs() -> None:
    """What the provider says about it is out of date."""
    found = [_record("edited", "green tea", 0.9), _record("other", "tea", 0.5)]

    recalled = _recalled([_entry("edited", "milk", OperationKind.UPDATE)], found)

    assert _ids(recalled) == ["other"]


def test_where_a_memory_is_there_already_its_beginning_is_passed_over() -> None:
    """The provider has this state or a later one."""
    found = [_record("a", "green tea, edited", 0.9)]

    assert _recalled([_entry("a", "green tea")], found) == found


@pytest.mark.parametrize(
    "query",
    [
        RecallQuery(owner=Owner("kannan"), query="tea", where=Eq(field="kind", value="food")),
        RecallQuery(owner=Owner("kannan"), query="tea", created_from=MOMENT + timedelta(seconds=1)),
        RecallQuery(owner=Owner("kannan"), query="tea", created_before=MOMENT),
        RecallQuery(owner=Owner("kannan"), query="tea unheard of", min_score=0.9),
    ],
    ids=["where", "created_from", "created_before", "min_score"],
)
def test_what_the_question_excludes_is_excluded_while_pending(query: RecallQuery) -> None:
    """A filter, a range or a least score holds for all memories alike."""
    entry = _entry("pending", "green tea", metadata={"kind": "drink"})

    assert _recalled([entry], [], query) == []


def test_what_the_question_admits_is_found_while_pending() -> None:
    """The first moment of a range belongs to it."""
    entry = _entry("pending", "green tea", metadata={"kind": "drink"})
    query = RecallQuery(
        owner=Owner("kannan"),
        query="tea",
        where=Eq(field="kind", value="drink"),
        created_from=MOMENT,
        created_before=MOMENT + timedelta(seconds=1),
    )

    assert _ids(_recalled([entry], [], query)) == ["pending"]


WORDS = st.lists(st.sampled_from(["green", "tea", "milk", "sugar"]), min_size=1, max_size=4).map(" ".join)
SCORES = st.floats(0, 1)


@settings(deadline=None)
@given(
    found=st.lists(st.tuples(WORDS, SCORES), max_size=6),
    pending=st.lists(WORDS, max_size=4),
    limit=st.integers(1, 8),
    min_score=st.floats(0, 1),
)
def test_scores_fall_and_stay_in_bounds(
    found: list[tuple[str, float]], pending: list[str], limit: int, min_score: float
) -> None:
    """From the first to the last, none above 1, none below the least one asked for, and no more than asked for."""
    scores = sorted((max(score, min_score) for _, score in found), reverse=True)
    records = [_record(f"found{at}", found[at][0], score) for at, score in enumerate(scores)]
    entries = [_entry(f"pending{at}", content) for at, content in enumerate(pending)]
    query = RecallQuery(owner=Owner("kannan"), query="green tea", limit=limit, min_score=min_score)

    recalled = _recalled(entries, records, query)

    given_scores = [record.similarity_score or 0.0 for record in recalled]
    assert all(higher >= lower for higher, lower in pairwise(given_scores))
    assert all(min_score <= score <= 1 for score in given_scores)
    assert len(recalled) == len(set(_ids(recalled))) <= limit
    assert [one for one in _ids(recalled) if one.startswith("found")] == _ids(records)[
        : sum(one.startswith("found") for one in _ids(recalled))
    ]


def test_a_live_state_has_a_moment() -> None:
    """One without is a bug."""
    with pytest.raises(ValueError, match="moment"):
        _ = Snapshot(user_id="kannan", id="a", version=1, content="tea").record
