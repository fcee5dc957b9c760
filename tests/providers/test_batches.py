"""One question for each item of a batch, some at a time."""

import asyncio

import pytest

from providers.batches import answer_all
from providers.errors import ProviderError
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
