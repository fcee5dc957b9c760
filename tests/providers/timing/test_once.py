"""Once: asked at the first need alone."""

import pytest

from providers.timing.once import Once


async def test_it_asks_once() -> None:
    """Not before the first call, and not again, even where the answer is None."""
    asked: list[int] = []

    async def ask() -> str | None:
        asked.append(1)
        return None

    once = Once(ask)
    assert asked == []
    assert await once() is None
    assert await once() is None
    assert asked == [1]


async def test_a_failed_question_is_asked_again() -> None:
    """The failure is that of one call."""
    asked: list[int] = []

    async def ask() -> str:
        asked.append(1)
        if len(asked) == 1:
            raise ConnectionError
        return "tea"

    once = Once(ask)
    with pytest.raises(ConnectionError):
        await once()
    assert [await once(), await once()] == ["tea", "tea"]
    assert len(asked) == 2
