"""An index of memories that came at once: few in turns of the event loop, very many in a thread, and both alike."""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest
from msgspec.structs import replace

from providers.search.entries import Entry
from providers.search.packed_memories import PackedMemories, PackedVectors
from providers.search.recall_index.building import MOST_IN_TURNS, extend
from providers.search.user_index import UserIndex
from tests.support.packed import packed

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def memories(count: int) -> PackedMemories:
    """So many memories of one word and one vector each."""
    return packed(
        [
            Entry(
                id=str(UUID(int=number)),
                version=number,
                created_at=MOMENT,
                content=f"word{number}",
                vectors={"model": np.array((1.0, 0.0), np.float32)},
            )
            for number in range(count)
        ]
    )


@pytest.mark.parametrize(("count", "on_loop"), [(MOST_IN_TURNS, True), (MOST_IN_TURNS + 1, False)])
async def test_few_are_built_on_the_loop_and_more_in_a_thread(count: int, *, on_loop: bool) -> None:
    """Either way all are there, with their words and vectors."""
    threads: set[int] = set()
    sent = memories(count)
    index = UserIndex()

    def noted(vectors: Iterable[PackedVectors]) -> Iterator[PackedVectors]:
        for some in vectors:
            threads.add(threading.get_ident())
            yield some

    await extend(index, replace(sent, vectors=noted(sent.vectors)))

    assert (threads == {threading.get_ident()}) == on_loop
    assert len(index) == len(index.planes["model"]) == count
    assert [rows.tolist() for rows in index.holders([[f"word{count - 1}"]])] == [[count - 1]]


async def test_others_are_served_while_few_are_built() -> None:
    """The loop turns whenever a slice is used up, and the index is whole at the end."""
    turns = 0
    index = UserIndex()

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.get_running_loop().create_task(turn())
    await extend(index, memories(MOST_IN_TURNS))  # each vector is a step of its own
    beside.cancel()

    assert turns > 1
    assert len(index) == MOST_IN_TURNS
