"""Rankings that are kept: of one state of an index, as long as nothing expires, the last ones that were asked for."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from providers.filters import Eq, Filter
from providers.owners import Owner
from providers.search.answer_options import AnswerOptions
from providers.search.kept_rankings import MOST_RANKINGS, KeptRanking, KeptRankings, key_of
from providers.search.moments import NEVER, microseconds
from providers.search.questions import Ordering
from providers.search.recency import Recency
from providers.types import RecallQuery, Snapshot
from tests.providers.search.test_ranking import id_of, indexed

NOW = datetime(2026, 3, 1, tzinfo=UTC)
QUERY = RecallQuery(owner=Owner("anna"), query="red kite", now=NOW)
KEPT = KeptRanking([], {}, approximate=False, since=microseconds(NOW), until=NEVER)
SECOND = timedelta(seconds=1)


def key(query: RecallQuery) -> bytes | None:
    """What names a question in the order that it asks for."""
    return key_of(query, Ordering.of(query))


def numbered(number: int) -> bytes:
    """The key of some question."""
    return number.to_bytes(16)


def test_the_last_ones_are_kept() -> None:
    """The one that was asked for longest ago goes first, and its bytes with it."""
    rankings = KeptRankings()
    for number in range(MOST_RANKINGS):
        rankings.put(0, numbered(number), KEPT)
    full = rankings.nbytes
    assert rankings.get(0, numbered(0), NOW) is KEPT
    rankings.put(0, numbered(MOST_RANKINGS), KEPT)

    assert rankings.get(0, numbered(1), NOW) is None
    assert rankings.get(0, numbered(0), NOW) is KEPT
    assert rankings.get(0, numbered(MOST_RANKINGS), NOW) is KEPT
    assert rankings.nbytes == full
    rankings.put(0, numbered(0), KEPT)
    assert rankings.nbytes == full
    rankings.forget()
    assert (rankings.nbytes, rankings.get(0, numbered(0), NOW)) == (0, None)


def test_a_ranking_is_of_one_state() -> None:
    """After a change nothing of before is found, nor after one of before was put late."""
    rankings = KeptRankings()
    rankings.put(1, numbered(1), KEPT)
    assert rankings.get(2, numbered(1), NOW) is None
    rankings.put(2, numbered(2), KEPT)
    assert rankings.get(2, numbered(1), NOW) is None
    rankings.put(1, numbered(1), KEPT)
    assert rankings.get(2, numbered(2), NOW) is None
    assert rankings.get(2, numbered(1), NOW) is None
    assert deepcopy(rankings).get(1, numbered(1), NOW) is None


@pytest.mark.parametrize(("moment", "holds"), [(-1, False), (0, True), (9, True), (10, False), (11, False)])
def test_a_ranking_holds_until_something_expires(moment: int, *, holds: bool) -> None:
    """From the moment that it was made at; a clock may go back."""
    rankings = KeptRankings()
    kept = KeptRanking([], {}, approximate=False, since=microseconds(NOW), until=microseconds(NOW + 10 * SECOND))
    rankings.put(0, numbered(1), kept)
    assert (rankings.get(0, numbered(1), NOW + moment * SECOND) is kept) is holds
    assert bool(rankings.nbytes) is holds


def test_all_that_an_answer_depends_on_names_a_question() -> None:
    """But not the moment, nor how large an answer may be, of which the hits know nothing."""
    others: list[RecallQuery] = [
        replace(QUERY, query="red Kite"),
        replace(QUERY, query="\ud800"),
        replace(QUERY, limit=3),
        replace(QUERY, min_score=0.5),
        replace(QUERY, options=AnswerOptions(diversity=0.5)),
        replace(QUERY, options=AnswerOptions(alike=True)),
        replace(QUERY, session="one"),
        replace(QUERY, key_prefix="one"),
        replace(QUERY, created_from=NOW),
        replace(QUERY, created_before=NOW),
        replace(QUERY, without=frozenset({id_of(0)})),
        *(replace(QUERY, where=where) for where in _alike()),
    ]
    assert len({key(query) for query in [QUERY, *others]} - {None}) == len(others) + 1
    assert key_of(QUERY, Ordering(vectors_weight=0.25)) != key(QUERY)
    assert key(replace(QUERY, now=NOW + SECOND, most_bytes=100)) == key(QUERY)


def _alike() -> list[Filter]:
    """Filters that are equal for Python, and not for those who ask."""
    return [Eq(field="n", value=1), Eq(field="n", value=True), Eq(field="n", value=1.0), Eq(field="n", value="1")]


def test_what_holds_for_a_moment_is_not_kept() -> None:
    """Nor what has explanations."""
    state = Snapshot(user_id="anna", id=id_of(0), version=1, content="tea", created_at=NOW)
    recency = Recency(now=NOW, half_life=1.0, weight=0.1)
    assert [
        key(replace(QUERY, now=None)),
        key(replace(QUERY, pending=(state,))),
        key(replace(QUERY, options=AnswerOptions(recency=recency))),
        key(replace(QUERY, options=AnswerOptions(explain=True))),
    ] == [None] * 4


def test_an_index_knows_when_the_next_memory_expires() -> None:
    """Of those that are alive, and have not expired yet."""
    index = indexed("tea", "coffee", "milk")
    now = microseconds(NOW)
    assert index.next_expiry(now) == NEVER
    for row, seconds in enumerate((5, 7, 9)):
        index.columns.expires[row] = microseconds(NOW + seconds * SECOND)
        index.mortal += 1
    assert index.next_expiry(now) == microseconds(NOW + 5 * SECOND)
    assert index.next_expiry(microseconds(NOW + 5 * SECOND)) == microseconds(NOW + 7 * SECOND)
    index.remove(id_of(1))
    assert index.next_expiry(microseconds(NOW + 5 * SECOND)) == microseconds(NOW + 9 * SECOND)
    assert index.next_expiry(microseconds(NOW + 9 * SECOND)) == NEVER
