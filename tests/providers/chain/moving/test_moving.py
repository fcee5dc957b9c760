"""Memories move from any kind of store to any other under writes, and nothing is lost, brought back or changed."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.providers.chain.moving.client import MovingClient, shows_all
from tests.providers.chain.moving.stores import KINDS, MovingStage

pytestmark = pytest.mark.thorough

ROUNDS = 4  # of writes before anything moves


@asynccontextmanager
async def writing(client: MovingClient) -> AsyncIterator[None]:
    """Have a client write all the time, at least once."""
    ending = asyncio.Event()

    async def go_on() -> None:
        await client.round()
        while not ending.is_set():
            await client.round()

    task = asyncio.create_task(go_on())
    try:
        yield
    finally:
        ending.set()
        await task


@pytest.mark.parametrize(("source", "target"), [*itertools.permutations(KINDS, 2)])
async def test_memories_move_from_any_kind_to_any_other(stage: MovingStage, source: str, target: str) -> None:
    """The newcomer is filled and verified while others write, becomes home, and is alone in the end."""
    before, meanwhile, after = (MovingClient(lambda: stage.provider, name) for name in ("before", "meanwhile", "after"))
    await stage.order(source)
    for _ in range(ROUNDS):
        await before.round()

    async with writing(meanwhile):
        await stage.order(source, target)
        await stage.complete()
        await stage.order(target, source)
        await stage.complete()
    await stage.delivered()
    compared = await stage.diff(source, target)
    kept = {name: stage.at(name).keeps_history for name in (source, target)}
    await stage.order(target)
    await after.round()
    await stage.delivered()

    traced = ([before, meanwhile] if all(kept.values()) else []) + ([after] if kept[target] else [])
    assert (compared.differing, compared.waiting, compared.users) == ({}, 0, 2)
    assert set(compared.live.values()) == {before.living + meanwhile.living}
    assert set(compared.deleted.values()) == {before.deleted + meanwhile.deleted}
    await shows_all(stage.provider, [before, meanwhile, after], traced)
    async with stage.fresh(target) as unacquainted:
        await asyncio.sleep(unacquainted.staleness)
        await shows_all(unacquainted, [before, meanwhile, after], traced)
