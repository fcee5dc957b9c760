"""Pending memories rank with all others, and the store's index stays as it is."""

from datetime import timedelta

from msgspec.structs import replace

from providers.owners import Owner
from providers.search.pending import Joined, plain_entry, without_pending
from providers.search.questions import Ordering, Question
from providers.search.ranking import rank
from providers.types import RecallQuery, Snapshot
from tests.providers.search.test_ranking import START, id_of, indexed

QUERY = RecallQuery(owner=Owner("anna"), query="red kite")


def state(number: int, content: str, version: int = 100) -> Snapshot:
    """A live state."""
    return Snapshot(
        user_id="anna",
        id=id_of(number),
        version=version,
        content=content,
        created_at=START + number * timedelta(hours=1),
    )


async def test_what_is_pending_ranks_as_if_it_were_stored() -> None:
    """With the same scores in the same order."""
    contents = ["red kite", "a kite", "the sky is red", "red red wine", "kite surfing in the red sea", "nothing"]
    index = indexed(*contents[:3])
    pending = [plain_entry(state(number, contents[number])) for number in (3, 4, 5)]
    joined = await Joined.of(index, QUERY, pending)

    expected = rank(indexed(*contents), Question.of(QUERY.query), Ordering()).hits
    hits = rank(joined.index, Question.of(QUERY.query), Ordering()).hits
    assert [(hit.id, hit.score, hit.order) for hit in hits] == [(hit.id, hit.score, hit.order) for hit in expected]
    assert set(joined.brought) == {id_of(number) for number in (3, 4, 5)}
    assert len(index) == 3


async def test_a_pending_state_replaces_what_is_left_out() -> None:
    """A newer version at the store stands in the way of neither; of what is not left out the store's own counts."""
    index = indexed("red kite", "red kite")
    first, second = state(0, "blue whale", version=0), state(1, "blue whale")
    query = replace(QUERY, pending=(first, second), without=frozenset({first.id, id_of(7)}))
    joined = await Joined.of(index, query, map(plain_entry, query.pending))

    hits = rank(joined.index, Question.of("red kite"), Ordering()).hits
    assert [hit.id for hit in hits] == [second.id]
    assert {memory_id: record.content for memory_id, record in joined.brought.items()} == {first.id: "blue whale"}
    assert without_pending(query) == {id_of(7)}
