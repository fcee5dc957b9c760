"""One question for each item of a batch, a few at a time, with errors as values."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from providers.errors import ProviderError

Answer = TypeVar("Answer")
Item = TypeVar("Item")


async def answer_all(
    items: Sequence[Item], answer: Callable[[Item], Awaitable[Answer]], at_once: int
) -> list[Answer | ProviderError]:
    """Answer for each item, `at_once` at a time, and return the answers and errors in order."""

    async def one(item: Item) -> Answer | ProviderError:
        async with turns:
            try:
                return await answer(item)
            except ProviderError as error:
                # A value now, not a failure; its frames would keep the whole batch alive.
                return error.with_traceback(None)

    turns = asyncio.Semaphore(at_once)
    if len(items) == 1:  # as nearly always, and then a task would be waste
        return [await one(items[0])]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]
