"""Aligning ascending streams: what several stores hold under each key, side by side."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import TypeVar

Item = TypeVar("Item")


async def aligned(
    streams: Mapping[str, AsyncGenerator[Item, None]], key: Callable[[Item], str]
) -> AsyncGenerator[tuple[str, dict[str, Item | None]], None]:
    """Yield every key of ascending streams once, ascending, with the item of each stream, None where it has none."""
    async with AsyncExitStack() as stack:
        for stream in streams.values():
            await stack.enter_async_context(aclosing(stream))
        heads = {name: await anext(stream, None) for name, stream in streams.items()}
        while any(head is not None for head in heads.values()):
            least = min(key(head) for head in heads.values() if head is not None)
            row = {name: head if head is not None and key(head) == least else None for name, head in heads.items()}
            yield least, row
            for name, item in row.items():
                if item is not None:
                    heads[name] = await anext(streams[name], None)
