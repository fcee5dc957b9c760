"""Questions that are asked again: the answer is that of a new ranking, made anew only where it may be another one."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from providers.answers import NO_VECTOR
from providers.changes import ChangeCursor, Changes
from providers.filters import Eq
from providers.owners import Owner
from providers.search.admitting import admitted
from providers.search.answer_options import AnswerOptions
from providers.search.entries import Entry
from providers.search.pending import plain_entry
from providers.search.questions import Ordering, Question
from providers.search.ranking import rank
from providers.search.recall_index.index import RecallIndex
from providers.search.recall_index.ranked import Asked, RankedHits, Read, ranked_now
from providers.search.user_index import UserIndex
from providers.timing.lazy import Lazy
from providers.types import RecallQuery, Snapshot
from tests.support.packed import packed

ANNA = Owner("anna")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WORDS = ("tea", "green", "black", "coffee", "milk", "cup")


class Diary:
    """One user's memories, in the order in which they were written, and what changed since a position."""

    def __init__(self) -> None:
        self.epoch = 0
        self.entries: dict[str, Entry] = {}
        self._gone: dict[str, int] = {}
        self._version = 0

    def put(self, number: int, content: str, expires_at: datetime | None = None, n: int = 0) -> None:
        """Write a memory, or another version of it."""
        self._version += 1
        one = str(UUID(int=number))
        self._gone.pop(one, None)
        self.entries[one] = Entry(
            id=one,
            version=self._version,
            first_version=number + 1,
            created_at=NOW + number * SECOND,
            content=content,
            expires_at=expires_at,
            metadata=b'{"n":%d}' % n,
        )

    def delete(self, number: int) -> None:
        """Delete a memory, if it is there."""
        self._version += 1
        if self.entries.pop(str(UUID(int=number)), None) is not None:
            self._gone[str(UUID(int=number))] = self._version

    def put_back(self) -> None:
        """Lose the last memory, as a store that is put back to an earlier state."""
        self.epoch += 1
        if self.entries:
            self.entries.popitem()

    def indexed(self) -> UserIndex:
        """Return a new index of all that is there."""
        return UserIndex.of(packed(sorted(self.entries.values(), key=lambda entry: entry.created_at)))

    async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
        """See `Replica`."""
        assert owner == ANNA
        now = ChangeCursor(str(self.epoch), self._version)
        order = (self.epoch, self._version)
        if cursor is None or cursor.epoch != now.epoch:
            entries = sorted(self.entries.values(), key=lambda entry: entry.created_at)
            return Changes(cursor=now, order=order, packed=packed(entries), whole=True)
        return Changes(
            cursor=now,
            order=order,
            memories=[entry for entry in self.entries.values() if entry.version > cursor.position],
            gone=[one for one, version in self._gone.items() if version > cursor.position],
        )


class Asking:
    """Ask an index, and count the questions that were read."""

    def __init__(self, index: RecallIndex) -> None:
        self.index = index
        self.read: list[str] = []
        self.degraded: tuple[str, ...] = ()

    async def __call__(self, query: RecallQuery, pending: Sequence[Snapshot] = ()) -> RankedHits:
        """Return the hits."""

        async def read() -> Read:
            self.read.append(query.query)
            return Read(Question.of(query.query), self.degraded)

        query = replace(query, pending=tuple(pending))
        ranked = await ranked_now(
            self.index, Asked(query, Ordering.of(query), Lazy(read)), [plain_entry(state) for state in pending]
        )
        assert ranked is not None
        return ranked


def shown(ranked: RankedHits) -> list[tuple[str, float, float, bool, int]]:
    """What is to be the same of two rankings; rows may have other numbers."""
    return [(hit.id, hit.score, hit.order, hit.exact, ranked.versions[hit.id]) for hit in ranked.hits]


async def test_the_same_question_is_neither_read_nor_ranked_again() -> None:
    """Until anything of the user changes; the event is counted beside the hit."""
    diary, query = Diary(), RecallQuery(owner=ANNA, query="green tea", now=NOW)
    diary.put(1, "green tea")
    diary.put(2, "black tea")
    index = RecallIndex(diary, 100_000_000)
    asking = Asking(index)

    first = await asking(query)
    again = await asking(replace(query, now=NOW + 100 * SECOND, most_bytes=500))
    assert shown(again) == shown(first)
    assert again.query.most_bytes == 500
    assert asking.read == ["green tea"]
    assert {one: index.counts.events[one] for one in ("hit", "miss", "repeated")} == {
        "hit": 1,
        "miss": 1,
        "repeated": 1,
    }
    diary.put(3, "green tea with milk")
    assert len(shown(await asking(query))) == 3
    assert asking.read == ["green tea"] * 2


async def test_an_answer_that_lacks_a_vector_is_not_kept() -> None:
    """The next one may have it."""
    diary, query = Diary(), RecallQuery(owner=ANNA, query="green tea", now=NOW)
    diary.put(1, "green tea")
    asking = Asking(RecallIndex(diary, 100_000_000))
    asking.degraded = (NO_VECTOR,)

    assert (await asking(query)).degraded == (NO_VECTOR,)
    asking.degraded = ()
    assert (await asking(query)).degraded == ()
    asking.degraded = (NO_VECTOR,)
    assert (await asking(query)).degraded == ()
    assert len(asking.read) == 2


async def test_what_is_pending_is_ranked_beside_what_is_kept() -> None:
    """And leaves it as it is."""
    diary, query = Diary(), RecallQuery(owner=ANNA, query="green tea", now=NOW)
    diary.put(1, "green tea")
    asking = Asking(RecallIndex(diary, 100_000_000))
    state = Snapshot(user_id="anna", id=str(UUID(int=2)), version=9, content="green", created_at=NOW)

    assert [len((await asking(query, pending)).hits) for pending in ((), (state,), ())] == [1, 2, 1]


async def test_what_is_kept_goes_before_indexes_do() -> None:
    """Its bytes are those of the cache, and are given back."""
    diary, query = Diary(), RecallQuery(owner=ANNA, query="green tea", now=NOW)
    diary.put(1, "green tea")
    index = RecallIndex(diary, 100_000_000)
    asking = Asking(index)
    await asking(query)
    alone = index.counts.bytes
    await asking(query)
    assert index.counts.bytes > alone

    tight = Asking(RecallIndex(diary, alone))
    for _ in range(3):
        await tight(query)
    assert tight.read == ["green tea"] * 3
    assert (tight.index.counts.bytes, tight.index.counts.events["evicted"]) == (alone, 0)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_an_answer_is_that_of_a_new_ranking(seed: int) -> None:
    """Writes, deletions, expiries, stores that are put back, and clocks that go on and back."""
    draw, diary, now = random.Random(seed), Diary(), NOW  # noqa: S311 - the draws are to be repeatable
    index = RecallIndex(diary, 100_000_000)
    asking = Asking(index)
    questions = [" ".join(draw.sample(WORDS, 2)) for _ in range(4)]
    for _ in range(400):
        happening = draw.random()
        if happening < 0.12:
            expires_at = now + draw.randrange(1, 20) * SECOND if draw.random() < 0.4 else None
            diary.put(draw.randrange(30), " ".join(draw.choices(WORDS, k=4)), expires_at, n=draw.randrange(2))
        elif happening < 0.18:
            diary.delete(draw.randrange(30))
        elif happening < 0.19:
            diary.put_back()
        elif happening < 0.3:
            now += draw.choice((1, 2, 5, -3)) * SECOND
        query = RecallQuery(
            owner=ANNA,
            query=draw.choice(questions),
            now=now,
            limit=draw.choice((3, 10)),
            where=draw.choice((None, None, Eq(field="n", value=1))),
            options=draw.choice((AnswerOptions(), AnswerOptions(), AnswerOptions(diversity=0.5))),
        )
        found = await asking(query)

        for of_all in (found.joined.index, diary.indexed()):
            expected = rank(of_all, Question.of(query.query), Ordering.of(query), await admitted(of_all, query)).hits
            assert [(hit.id, hit.score, hit.exact) for hit in found.hits] == [
                (hit.id, hit.score, hit.exact) for hit in expected
            ]
            assert [hit.order for hit in found.hits] == pytest.approx([hit.order for hit in expected])
        assert all(diary.entries[memory].version == version for memory, version in found.versions.items())
    assert 20 < index.counts.events["repeated"] == 400 - len(asking.read)
