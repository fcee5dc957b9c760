"""Long works of one loop go on in turns, however short their slices are."""

import asyncio
from collections.abc import Generator

import pytest

from providers.timing.alone import stepwise
from tests.support.turning import turns_during


def steps(number: int) -> Generator[None, None, int]:
    """Return a number after as many steps."""
    for _ in range(number):
        yield
    return number


async def test_a_slice_is_one_step_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice that is used up before it begins, as where the thread was busy with something else, stops no work."""
    monkeypatch.setattr("providers.timing.turns.SLICE_SECONDS", 0.0)
    work = asyncio.create_task(stepwise(steps(10)))

    async with asyncio.timeout(60):
        turns = await turns_during(work)

    assert work.result() == 10
    assert turns > 10
