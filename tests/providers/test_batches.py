"""One question for each item of a batch, some at a time."""

import asyncio

import pytest

from providers.batches import answer_all
from providers.errors import ProviderError, Rejected
from tests.providers.chain.scene import DOWN


@pytest.mark.parametrize(("items", "expected"), [(["good", "bad"], ["GOOD", DOWN]), (["bad"], [DOWN]), ([], [])])
async def test_errors_of_many_are_values(items: list[str], expected: list[object]) -> None:
    """Each item has its answer, in order."""

    async def answer(item: str) -> str:
        if item == "bad":
            raise DOWN
        return item.upper()

    answers: list[str | ProviderError] = await answer_all(items, answer, 1)

    assert answers == expected


async def test_some_are_asked_at_a_time() -> None:
    """No more than it was said, and the answers stand in the order of the items."""
    under_way, most = 0, 0

    async def answer(item: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001 * (5 - item))
        under_way -= 1
        return item

    assert await answer_all(range(5), answer, 2) == [0, 1, 2, 3, 4]
    assert most == 2


async def test_an_error_that_is_no_value_breaks_off_the_rest() -> None:
    """It is raised as it is, and what was under way is cancelled."""
    ended: list[int] = []

    async def answer(item: int) -> int:
        if item == 1:
            raise DOWN
        await asyncio.sleep(item)
        ended.append(item)
        return item

    with pytest.raises(type(DOWN)) as caught:
        await answer_all([0, 1, 60], answer, 3, values=Rejected)

    assert caught.value is DOWN
    assert 60 not in ended


async def test_batches_share_a_bound() -> None:
    """With one semaphore no more than its number of items are under way in all of them together."""
    under_way, most, turns = 0, 0, asyncio.Semaphore(3)

    async def answer(item: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1
        return item

    await asyncio.gather(*(answer_all(range(5), answer, turns) for _ in range(3)))

    assert most == 3
