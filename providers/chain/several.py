"""One question for each of several things."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from providers.errors import ProviderError

Answer = TypeVar("Answer")
Item = TypeVar("Item")


async def each(
    items: Sequence[Item | None], answer: Callable[[Item], Awaitable[Answer]], at_once: int
) -> list[Answer | ProviderError | None]:
    """Find an answer for each item but None, some at a time; errors are values."""
    turns = asyncio.Semaphore(at_once)

    async def one(item: Item) -> Answer | ProviderError:
        async with turns:
            try:
                return await answer(item)
            except ProviderError as error:
                return error.with_traceback(None)

    async with asyncio.TaskGroup() as group:
        tasks = [None if item is None else group.create_task(one(item)) for item in items]
    return [None if task is None else task.result() for task in tasks]
