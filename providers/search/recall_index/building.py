"""Building an index of memories that came at once, while the event loop serves others."""

import asyncio
from contextlib import aclosing

from providers.changes import Changes
from providers.search.packed_memories import PackedMemories
from providers.search.user_index import UserIndex
from providers.timing.turns import Turns

# Memories that are built into an index in turns of the event loop: a thread takes a sixth more of the processor for so
# few, because it waits for the interpreter after each of many short steps.
MOST_IN_TURNS = 2_000


async def extend(index: UserIndex, memories: PackedMemories) -> None:
    """Add memories that are not in the index yet, which nobody reads meanwhile; raises what `UserIndex.extend` does."""
    if len(memories.version) > MOST_IN_TURNS:
        await asyncio.to_thread(index.extend, memories)
        return
    turns = Turns()
    for _ in index.extending(memories):
        await turns.take()


async def brought_up(index: UserIndex, changes: Changes) -> None:
    """Bring an index up to date, in turns of the event loop."""
    if changes.packed is not None:
        await extend(index, changes.packed)
    if changes.pages is not None:
        async with aclosing(changes.pages) as pages:
            async for page in pages:
                await extend(index, page)
    if changes.gone or changes.memories:
        turns = Turns()
        for memory_id in changes.gone:
            index.remove(memory_id)
        for entry in changes.memories:
            index.put(entry)
            await turns.take()
