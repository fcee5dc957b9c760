"""Pages of a list with an overlay: together they are the list, whatever is pending."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from providers.answer_size import page_within, size_of
from providers.answers import Found
from providers.chain.listing import list_position, merged_page
from providers.chain.overlay import OLDEST_VERSION, Overlay
from providers.journal.operations import JournalEntry, OperationKind
from providers.limits import MAX_LIST_LIMIT
from providers.owners import Owner
from providers.positions import Order
from providers.search.paging import paged
from providers.types import MemoryRecord, PageQuery, Snapshot
from tests.support.clock import simulate

OWNER = Owner("kannan")
SESSIONS = ("one", "two")
START = datetime(2026, 3, 1, tzinfo=UTC)


def _state(number: int, content: str | None) -> Snapshot:
    # Several memories share a moment, so that the first version decides, and of some of them the id.
    return Snapshot(
        user_id="kannan",
        id=str(UUID(int=number)),
        version=1,
        content=content,
        created_at=START + timedelta(seconds=number // 4),
        first_version=-number % 4 // 2,
        session=None if content is None else SESSIONS[number % 3 % 2],
    )


def _entry(number: int, kind: OperationKind) -> JournalEntry:
    state = _state(number, None if kind is OperationKind.DELETE else kind.value)
    return JournalEntry(seq=number + 1, kind=kind, state=state, pending=frozenset({"home"}))


def _expected(there: Sequence[MemoryRecord], entries: Sequence[JournalEntry]) -> list[MemoryRecord]:
    expected = {record.id: record for record in there}
    for entry in entries:
        if entry.state.deleted:
            expected.pop(entry.state.id, None)
        elif entry.kind is OperationKind.UPDATE or entry.state.id not in expected:
            expected[entry.state.id] = entry.state.record
    return sorted(expected.values(), key=list_position, reverse=True)


async def _page_of(records: Sequence[MemoryRecord], query: PageQuery) -> Found:
    return await page_within(paged(query, records, whole=True), query.most_bytes)


async def _listed(query: PageQuery, pages: Callable[[PageQuery], Awaitable[Found]]) -> list[MemoryRecord]:
    """Go through all pages."""
    found: list[MemoryRecord] = []
    while True:
        page = await pages(query)
        found += page.memories
        if query.most_bytes is not None and len(page.memories) > 1:
            assert await size_of(page.memories) <= query.most_bytes
        if len(page.memories) < query.limit and not page.cut:
            return found
        query = replace(query, offset=0, after=page.memories[-1].position)


BYTES_OF_ONE = 200
NUMBERS = st.integers(0, 30)
MANY = MAX_LIST_LIMIT + 30


@settings(deadline=None)
@given(
    there=st.sets(NUMBERS) | st.just(set(range(MANY))),
    pending=st.dictionaries(NUMBERS | st.integers(0, MANY), st.sampled_from(OperationKind), max_size=12),
    buried=st.sets(NUMBERS),
    limit=st.integers(1, MAX_LIST_LIMIT),
    offset=st.integers(0, 20),
    most_bytes=st.none() | st.integers(1, 40 * BYTES_OF_ONE),
    session=st.sampled_from([None, *SESSIONS]),
    order=st.sampled_from(["newest", "oldest"]),
)
def test_pages_neither_repeat_nor_skip(
    there: set[int],
    pending: dict[int, OperationKind],
    buried: set[int],
    limit: int,
    offset: int,
    most_bytes: int | None,
    session: str | None,
    order: Order,
) -> None:
    """They are those of the plain list of what the provider has and what the journal knows better."""
    buried = buried - set(pending) if pending else set()  # what is not in the overlay is deleted beside others that are
    records = sorted((_state(number, "stored").record for number in there), key=list_position, reverse=True)
    entries = [_entry(number, kind) for number, kind in pending.items()]
    ids = {_state(number, "").id for number in buried}
    query = PageQuery(owner=OWNER, limit=limit, offset=offset, most_bytes=most_bytes, session=session, order=order)
    expected = [record for record in _expected(records, entries) if record.id not in ids and query.admits(record)]
    expected.sort(key=list_position, reverse=order == "newest")

    async def page(query: PageQuery) -> Found:
        return await _page_of(records, query)

    async def living(found: list[MemoryRecord]) -> list[MemoryRecord]:
        return [one for one in found if one.id not in ids]

    async def held(record: MemoryRecord) -> bool:
        return record.id in {one.id for one in records}

    async def listed(_clock: object) -> list[MemoryRecord]:
        return await _listed(query, lambda query: merged_page(Overlay(entries), page, living, held, query))

    assert simulate(listed) == expected[offset:]


@given(there=st.sets(NUMBERS), pending=st.dictionaries(NUMBERS, st.sampled_from(OperationKind), min_size=1))
def test_a_total_counts_what_the_whole_list_holds(there: set[int], pending: dict[int, OperationKind]) -> None:
    """It counts what is pending as well, and nothing twice."""
    records = [_state(number, "stored").record for number in there]
    entries = [_entry(number, kind) for number, kind in pending.items()]
    query = PageQuery(owner=OWNER, limit=1, session="one", total=True)

    async def page(query: PageQuery) -> Found:
        return await _page_of(records, query)

    async def living(found: list[MemoryRecord]) -> list[MemoryRecord]:
        return found

    async def held(_record: MemoryRecord) -> bool:
        return True

    async def counted(_clock: object) -> int | None:
        return (await merged_page(Overlay(entries), page, living, held, query)).total

    assert simulate(counted) == sum(map(query.admits, _expected(records, entries)))


def test_a_repetition_that_nobody_could_judge_is_shown_once() -> None:
    """It is pending under the moment at which it was repeated, and the provider shows it where it always was."""
    records = sorted((_state(number, "stored").record for number in range(MANY)), key=list_position, reverse=True)
    oldest = records[-1]
    repeated = Snapshot(
        user_id="kannan", id=oldest.id, version=OLDEST_VERSION, content="stored", created_at=START + timedelta(days=1)
    )
    overlay = Overlay([JournalEntry(seq=1, kind=OperationKind.REMEMBER, state=repeated, pending=frozenset({"home"}))])

    async def page(query: PageQuery) -> Found:
        return await _page_of(records, query)

    async def living(found: list[MemoryRecord]) -> list[MemoryRecord]:
        return found

    async def held(record: MemoryRecord) -> bool:
        return record.id == oldest.id

    async def listed(_clock: object) -> list[MemoryRecord]:
        query = PageQuery(owner=OWNER)
        return await _listed(query, lambda query: merged_page(overlay, page, living, held, query))

    assert simulate(listed) == records


def test_a_repetition_that_arrives_while_the_list_is_read_is_shown() -> None:
    """It was on no page yet when the provider was asked for them, and there when it was asked for it alone."""
    records: list[MemoryRecord] = []
    fresh = Snapshot(user_id="kannan", id=str(UUID(int=7)), version=OLDEST_VERSION, content="stored", created_at=START)
    overlay = Overlay([JournalEntry(seq=1, kind=OperationKind.REMEMBER, state=fresh, pending=frozenset({"home"}))])

    async def page(_query: PageQuery) -> Found:
        return Found(memories=list(records))

    async def living(found: list[MemoryRecord]) -> list[MemoryRecord]:
        return found

    async def held(record: MemoryRecord) -> bool:
        records.append(record)  # delivered just now
        return True

    async def listed(_clock: object) -> list[MemoryRecord]:
        return (await merged_page(overlay, page, living, held, PageQuery(owner=OWNER))).memories

    assert simulate(listed) == [fresh.record]


def test_no_more_is_read_than_a_page_has_bytes_for() -> None:
    """Of large memories a few are read; what the overlay adds behind them waits for the next page."""
    contents = "x" * 1_000
    records = [replace(_state(number, contents).record, content=contents) for number in range(3 * MAX_LIST_LIMIT)]
    records.sort(key=list_position, reverse=True)
    overlay = Overlay([_entry(0, OperationKind.UPDATE)])
    read: list[int] = []

    async def page(query: PageQuery) -> Found:
        found = await _page_of(records, query)
        read.append(len(found.memories))
        return found

    async def living(found: list[MemoryRecord]) -> list[MemoryRecord]:
        return found

    async def held(_record: MemoryRecord) -> bool:
        return True

    async def shown(_clock: object) -> Found:
        query = PageQuery(owner=OWNER, offset=150, most_bytes=5_500)
        return await merged_page(overlay, page, living, held, query)

    found = simulate(shown)

    assert found == Found(memories=records[150:154], cut=True)
    assert sum(read) < 160
