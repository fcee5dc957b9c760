"""Lazy: asked at the first need alone."""

import pytest

from providers.timing.lazy import Lazy


async def test_it_asks_once() -> None:
    """Not before the first call, and not again, even where the answer is None."""
    asked: list[int] = []

    async def ask() -> str | None:
        asked.append(1)
        return None

    lazy = Lazy(ask)
    assert asked == []
    assert await lazy() is None
    assert await lazy() is None
    assert asked == [1]


async def test_a_failed_question_is_asked_again() -> None:
    """The failure is that of one call."""
    asked: list[int] = []

    async def ask() -> str:
        asked.append(1)
        if len(asked) == 1:
            raise ConnectionError
        return "tea"

    lazy = Lazy(ask)
    with pytest.raises(ConnectionError):
        await lazy()
    assert [await lazy(), await lazy()] == ["tea", "tea"]
    assert len(asked) == 2
