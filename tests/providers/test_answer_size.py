"""The size of an answer is found out in slices, and only where it may be too large."""

import asyncio
from datetime import UTC, datetime

import pytest

from providers.answer_size import page_within, size_of
from providers.answers import Found
from providers.limits import MAX_LIST_LIMIT
from providers.timing.turns import SLICE_SECONDS
from providers.types import MemoryRecord
from tests.support.turning import CountingClock, turns_during

MEMORY = MemoryRecord(
    id="1", user_id="kannan", content="tea", metadata=None, created_at=datetime.now(UTC), updated_at=None
)


@pytest.mark.parametrize(("memories", "turns"), [(10, 1), (MAX_LIST_LIMIT, MAX_LIST_LIMIT // 10 + 1)])
async def test_many_memories_are_measured_in_turns(memories: int, turns: int) -> None:
    """Ten at a time; of ten or fewer the clock is not even asked."""
    clock = CountingClock(2 * SLICE_SECONDS)
    work = asyncio.create_task(size_of([MEMORY] * memories, clock))

    assert await turns_during(work) == turns
    assert work.result() == memories * await size_of([MEMORY])
    assert bool(clock.asked) == (turns > 1)


async def test_a_page_is_measured_in_turns() -> None:
    """Memory by memory, to where it ends; a page that fits in any case is not measured."""
    most = 60 * await size_of([MEMORY])
    clock = CountingClock(2 * SLICE_SECONDS)
    work = asyncio.create_task(page_within(Found(memories=[MEMORY] * MAX_LIST_LIMIT), most, clock))

    assert await turns_during(work) == 60 + 1
    assert work.result() == Found(memories=[MEMORY] * 60, cut=True)
    asked = clock.asked
    await page_within(Found(memories=[MEMORY] * MAX_LIST_LIMIT), 2**24, clock)
    assert clock.asked == asked
