"""A real mem0 fails under load, in a chain or alone with a journal, and no promise is broken."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from providers.native.embedded import EmbeddedServer
from tests.faults.lab import under_load
from tests.faults.load import Load
from tests.faults.mem0_lab import FAULTS, MEM0, NATIVE, Fault, Mem0Lab, is_killed, running_mem0_lab
from tests.support.postgres import create_database, drop_database

ORDERS = ((NATIVE, MEM0), (MEM0, NATIVE), (MEM0,))

# A call of mem0 takes 10 to 20 ms of one processor, and most operations at home take two to four of them.
ACTS = 2_000
FEW_ACTS = 160

_seeds = itertools.count(1)


@pytest.fixture(scope="module")
async def lab(request: pytest.FixtureRequest, postgres_server: EmbeddedServer) -> AsyncIterator[Mem0Lab]:
    """One laboratory for all tests of one order, who leave it as they found it."""
    order: tuple[str, ...] = request.param
    databases = [await create_database(postgres_server) for _ in range(2)]
    async with running_mem0_lab(order, *databases) as opened:
        yield opened
    for database in databases:
        await drop_database(postgres_server, database)


@pytest.fixture
def load(lab: Mem0Lab) -> Load:
    """Clients with users of their own."""
    return Load(lab.service, next(_seeds), lab.order[:1])


@pytest.mark.soak
@pytest.mark.parametrize("lab", [(NATIVE, MEM0)], indirect=True, ids="-".join)
async def test_a_standby_is_killed(lab: Mem0Lab, load: Load) -> None:
    """While mem0 stands by, its end is nobody's business; once it is back, it receives what it has missed."""
    async with under_load(load, FEW_ACTS):
        await is_killed(lab)

    assert load.refusals == []
    await lab.prove(load)


@pytest.mark.soak
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("lab", ORDERS, indirect=True, ids="-".join)
async def test_mem0_fails(lab: Mem0Lab, load: Load, fault: Fault) -> None:
    """Twice under load mem0 does what it should not; only a mem0 that is alone makes the service refuse reads."""
    async with under_load(load, ACTS):
        for _ in range(2):
            await fault(lab)
            assert await lab.pending() > 0
            await asyncio.sleep(2)

    assert load.statuses[202] > 0 or lab.order[0] == NATIVE
    assert load.refusals == [] or lab.order == (MEM0,)
    await lab.prove(load)
