"""Run one call for each item of a batch, a few at a time, with errors as values."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import TypeVar

from providers.errors import ProviderError, Unavailable

# Items of one batch that wait at a time for a bound that it shares with others.
MOST_WORKERS = 128

Answer = TypeVar("Answer")
Item = TypeVar("Item")


async def answer_all(
    items: Sequence[Item],
    answer: Callable[[Item], Awaitable[Answer]],
    at_once: int | asyncio.Semaphore,
    *,
    values: type[ProviderError] = ProviderError,
) -> list[Answer | ProviderError]:
    """Call `answer` for each item, `at_once` at a time, and return the answers and errors in order.

    A semaphore bounds several batches together. An error that is none of `values` is raised as soon as it occurs; the
    other items have been answered by then, or are cancelled. Each item begins in a turn of the loop of its own.
    """

    async def one(item: Item) -> Answer | ProviderError:
        async with bound:
            try:
                return await answer(item)
            except values as error:
                # A value now, not a failure; its frames would keep the whole batch alive.
                return error.with_traceback(None)

    async def work() -> None:
        for place, item in left:
            answers[place] = await one(item)
            await asyncio.sleep(0)

    bound = nullcontext() if isinstance(at_once, int) else at_once
    if not items:
        return []
    if len(items) == 1:  # the usual case, which needs no task
        return [await one(items[0])]
    answers: dict[int, Answer | ProviderError] = {}
    left = iter(enumerate(items))  # of which each worker takes the next
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(len(items), at_once if isinstance(at_once, int) else MOST_WORKERS)):
                group.create_task(work())
    except BaseExceptionGroup as errors:
        failures, others = errors.split(ProviderError)
        if failures is None or others is not None:
            raise  # a bug
        raise next(_leaves(failures)) from None
    return [answers[place] for place in range(len(items))]


def all_or_some(answers: list[Answer | ProviderError]) -> list[Answer | ProviderError]:
    """Return the answers of a batch; raise the first one if all of them are outages."""
    outages = [one for one in answers if isinstance(one, Unavailable)]
    if outages and len(outages) == len(answers):
        raise outages[0]
    return answers


def _leaves(group: BaseExceptionGroup[ProviderError]) -> Iterator[ProviderError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
