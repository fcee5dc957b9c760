"""What an index holds of memories decides as the memories themselves do, whatever is asked of them."""

import asyncio
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from providers import filters
from providers.search import field_table
from providers.search.admitting import Met, admitted, mask_of, met_by
from providers.search.entries import Entry
from providers.search.user_index import UserIndex
from providers.source import WriterWindow, WriteSource
from providers.types import Conditions, MemoryRecord, Metadata
from tests.support.conditions import objects, wheres
from tests.support.packed import packed

START = datetime(2026, 3, 1, tzinfo=UTC)

moments = st.integers(0, 3).map(lambda hours: START + timedelta(hours=hours))
names = st.sampled_from(["a", "b"])
maybe = st.none() | names
sources = st.none() | st.builds(
    WriteSource, origin=st.sampled_from(["user", "tool"]), caller=maybe, key=maybe, at=st.none() | moments
)
records = st.builds(
    MemoryRecord,
    id=st.just(""),
    user_id=st.just("anna"),
    content=st.just("tea"),
    metadata=objects,
    created_at=moments,
    updated_at=st.none(),
    expires_at=st.none() | moments,
    session=maybe,
    agent=maybe,
    speaker=maybe,
    key=st.sampled_from([None, "a", "ab", "b", "é"]),
    source=sources,
)
windows = st.builds(WriterWindow, caller=maybe, key=maybe, since=moments, until=st.none() | moments)
conditions = st.builds(
    Conditions,
    where=st.none() | wheres,
    session=maybe,
    agent=maybe,
    speaker=maybe,
    key=maybe,
    key_prefix=st.sampled_from([None, "", "a", "é"]),
    origin=st.sampled_from([None, "user", "tool"]),
    source_caller=maybe,
    source_key=maybe,
    hidden=st.lists(windows, max_size=2).map(tuple),
    created_from=st.none() | moments,
    created_before=st.none() | moments,
    without=st.frozensets(st.integers(0, 5).map(lambda number: str(UUID(int=number))), max_size=2),
    now=st.none() | moments,
)


def index_of(entries: list[Entry]) -> UserIndex:
    """An index to which memories were added one after the other."""
    index = UserIndex()
    for entry in entries:
        index.put(entry)
    return index


def memory(number: int, metadata: Metadata | None = None, session: str | None = None) -> Entry:
    """A memory with metadata and labels."""
    record = MemoryRecord(
        id=str(UUID(int=number)),
        user_id="anna",
        content="tea",
        metadata=metadata,
        created_at=START,
        updated_at=None,
        session=session,
    )
    return Entry.of(record, number + 1)


@given(st.lists(records, min_size=1, max_size=8), conditions, wheres)
@settings(max_examples=80, deadline=None)
def test_an_index_decides_as_the_memories_do(
    found: list[MemoryRecord], asked: Conditions, other: filters.Filter
) -> None:
    """Whether it was built at once or not, whatever it was asked before, and for what came after it was judged."""
    held = [replace(record, id=str(UUID(int=number))) for number, record in enumerate(found)]
    entries = [Entry.of(record, number + 1) for number, record in enumerate(held)]
    expected = [asked.admits(record) for record in held]
    half = len(entries) // 2
    growing = index_of(entries[:half])

    async def masks() -> list[list[bool]]:
        met = await met_by(growing, asked)
        copy = deepcopy(growing)
        for entry in entries[half:]:
            growing.put(entry)
            copy.put(entry)
        built = UserIndex.of(packed(entries))
        await admitted(built, Conditions(where=other))
        judged = [mask_of(growing, asked, met), mask_of(copy, asked, met), await admitted(growing, asked)]
        every = [True] * len(held)
        return [every if mask is None else mask.tolist() for mask in (*judged, await admitted(built, asked))]

    assert asyncio.run(masks()) == [expected] * 4


async def test_rows_that_move_are_judged_by_their_new_numbers() -> None:
    """What was judged before counts no more."""
    asked = Conditions(where=filters.Eq("n", 7))
    index = index_of([memory(number, {"n": number}) for number in range(300)])
    met = await met_by(index, asked)
    for number in range(100, 250):
        index.remove(str(UUID(int=number)))
    assert index.moves
    for number in range(7):
        index.remove(str(UUID(int=number)))

    masks = [mask_of(index, asked, met), await admitted(index, asked)]
    for mask in masks:
        assert mask is not None
        admitted_ids = [index.columns.id_of(row) for row in mask.nonzero()[0].tolist()]
        assert admitted_ids == [str(UUID(int=7))]


async def test_many_memories_are_judged_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop goes on meanwhile, and memories that come, go and move are judged as they are at the end."""
    monkeypatch.setattr("providers.timing.turns.SLICE_SECONDS", 0.0)  # however fast the machine is
    asked = Conditions(where=filters.Gte("n", 1))
    index = index_of([memory(number, {"n": number % 2, "text": "x" * 2_000}) for number in range(2_000)])
    turned = 0

    async def others() -> None:
        nonlocal turned
        while not judging.done():
            await asyncio.sleep(0)
            turned += 1
            if turned == 2:
                for number in range(700):
                    index.remove(str(UUID(int=number)))

    judging = asyncio.ensure_future(admitted(index, asked))
    await others()

    mask = await judging
    assert turned > 2
    assert index.moves
    assert mask is not None
    assert int((mask & index.columns.alive).sum()) == 650


async def test_the_columns_of_fields_stay_within_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were asked for longest ago are made again when they are needed."""
    monkeypatch.setattr(field_table, "_MOST_BYTES", 100_000)
    index = index_of([memory(number, {f"f{field}": f"{number}" for field in range(5)}) for number in range(300)])
    answers = []
    for field in (0, 1, 2, 3, 4, 0):
        mask = await admitted(index, Conditions(where=filters.Eq(f"f{field}", "7")))
        assert mask is not None
        answers.append(mask.nonzero()[0].tolist())

    assert answers == [[7]] * 6
    assert 0 < index.spare.fields.nbytes <= 100_000
    index.spare.forget()
    assert index.spare.nbytes == 0
    assert isinstance(await met_by(index, Conditions(session="a")), Met)
