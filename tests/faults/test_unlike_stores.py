"""Chains of stores that fail unlike each other: each is stopped, killed, slow and garbled in turn, under load."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable

import pytest

from providers.native.embedded import EmbeddedServer
from tests.faults.lab import under_load
from tests.faults.load import Load
from tests.faults.unlike import Unlike
from tests.faults.unlike_lab import UnlikeLab, running_unlike_lab
from tests.support.postgres import create_database, drop_database
from tests.support.service import ninai
from tests.support.states import live

FOUR = ("native", "redis", "opensearch", "mem0")
FIVE = (*FOUR, "pinecone")
TURNED = [(*FIVE[turn:], *FIVE[:turn]) for turn in range(len(FIVE))]  # each is home once

ACTS, FAULT_SECONDS = 2_400, 3.0
FEW_ACTS, SHORT_SECONDS = 200, 1.0
PAUSE = 0.5  # seconds between two faults
MOVED_ACTS = 400
MOVES = [*itertools.permutations(FIVE, 2)]
SHOWN = [("redis", "pinecone"), ("opensearch", "redis")]  # in `make thorough`

_seeds = itertools.count(1)

Fault = Callable[[Unlike], Awaitable[None]]
FAULTS: tuple[Fault, ...] = (Unlike.stop, Unlike.kill, Unlike.slow, Unlike.garble)


async def through_all(lab: UnlikeLab[Unlike], acts: int, seconds: float) -> None:
    """Do everything to each store in turn while clients act, and prove that nothing came of it."""
    load = Load(lab.service, next(_seeds), [store.name for store in lab.stores[:1]])
    async with under_load(load, acts):
        for store in lab.stores:
            for fault in FAULTS:
                await _done(store, fault, seconds)
                await asyncio.sleep(PAUSE)
    await lab.prove(load)


async def _done(store: Unlike, fault: Fault, seconds: float) -> None:
    name = fault.__name__
    await getattr(store, name)()
    await asyncio.sleep(seconds)
    await store.recover()


@pytest.mark.soak
async def test_four_unlike_stores_end_alike(postgres_server: EmbeddedServer) -> None:
    """After a short while of everything that can happen to each of them."""
    dsn = await create_database(postgres_server)
    async with running_unlike_lab(FOUR, dsn) as lab:
        await through_all(lab, FEW_ACTS, SHORT_SECONDS)
    await drop_database(postgres_server, dsn)


@pytest.mark.soak
@pytest.mark.parametrize("names", [FOUR, *TURNED], ids="-".join)
async def test_unlike_stores_lose_nothing(postgres_server: EmbeddedServer, names: tuple[str, ...]) -> None:
    """Nor show anything that was deleted, nor store anything twice, nor answer with an empty list; whoever is home."""
    dsn = await create_database(postgres_server)
    async with running_unlike_lab(names, dsn) as lab:
        await through_all(lab, ACTS, FAULT_SECONDS)
    await drop_database(postgres_server, dsn)


@pytest.mark.parametrize(
    "names",
    [
        *(pytest.param(names, marks=pytest.mark.thorough, id="-".join(names)) for names in SHOWN),
        *(pytest.param(names, marks=pytest.mark.soak, id="-".join(names)) for names in MOVES if names not in SHOWN),
    ],
)
async def test_memories_move_from_one_kind_to_another(postgres_server: EmbeddedServer, names: tuple[str, str]) -> None:
    """Under load: the newcomer is filled and verified, becomes home, and is alone in the end; nothing is lost."""
    dsn = await create_database(postgres_server)
    former, newcomer = names
    async with running_unlike_lab(names, dsn, 1) as lab:
        load = Load(lab.service, next(_seeds), names)
        async with under_load(load, MOVED_ACTS):
            await lab.reorder(former, newcomer)
            await lab.reorder(newcomer, former)
        await lab.prove(load)
        await _merged_by_hand(lab, names)
        await lab.reorder(newcomer)
        await lab.prove(load)
    await drop_database(postgres_server, dsn)


async def _merged_by_hand(lab: UnlikeLab[Unlike], names: tuple[str, str]) -> None:
    """Compare the two stores, find what somebody has put into one alone, and merge them."""
    stray = live("kannan", "stray")
    async with lab.stores[1].provider() as provider:
        assert await provider.put_many([stray]) == [None]
        await asyncio.sleep(provider.staleness)
    before = json.loads(await _ninai(lab, "diff", *names, "--json"))
    merged = await _ninai(lab, "merge", names[0])
    async with lab.stores[0].provider() as provider:
        await asyncio.sleep(provider.staleness)
    after = await _ninai(lab, "diff", *names)

    assert before["differing"] == {names[0]: {"missing": 1}, names[1]: {}}, before
    assert "1 state put" in merged
    assert after.splitlines()[-1] == f"{names[0]} and {names[1]} hold the same"


async def _ninai(lab: UnlikeLab[Unlike], *arguments: str) -> str:
    done = await asyncio.to_thread(ninai, "providers", *arguments, "--url", lab.service.url)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout
