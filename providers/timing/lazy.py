"""Lazy: an answer that is asked for when it is first needed, and then kept."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Lazy(Generic[Answer]):
    """Ask at the first call, and return the same answer at each later one; a failed question is asked again.

    It serves one caller at a time: two that come at once would both ask.
    """

    def __init__(self, ask: Callable[[], Awaitable[Answer]]) -> None:
        self._ask = ask
        self._answers: list[Answer] = []

    async def __call__(self) -> Answer:
        """Return the answer."""
        if not self._answers:
            self._answers.append(await self._ask())
        return self._answers[0]
