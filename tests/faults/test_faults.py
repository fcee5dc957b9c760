"""Real databases fail under load, and no promise is broken."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from random import Random

import asyncpg
import pytest
from sqlalchemy import make_url

from tests.faults.lab import Lab, running_lab, under_load
from tests.faults.load import Load
from tests.support.faults import hanging
from tests.support.postgres import connected

ACTS = 2_000

_seeds = itertools.count(1)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One laboratory for all tests, who leave it as they found it."""
    with running_lab() as opened:
        yield opened


@pytest.fixture
def load(lab: Lab) -> Load:
    """Clients with users of their own."""
    return Load(lab.service, next(_seeds))


@pytest.mark.parametrize("acts", [pytest.param(acts, marks=pytest.mark.soak) for acts in (400, ACTS)])
async def test_home_is_killed(lab: Lab, load: Load, acts: int) -> None:
    """Home dies under load and comes back."""
    async with under_load(load, acts):
        lab.databases["home"].kill()
        await asyncio.sleep(2)
        await asyncio.to_thread(lab.databases["home"].start)

    assert load.statuses[202] > 0
    await lab.prove(load)


@pytest.mark.soak
async def test_home_hangs(lab: Lab, load: Load) -> None:
    """Home stops answering without closing a connection, and goes on later."""
    async with under_load(load, ACTS):
        with hanging(lab.databases["home"].server):
            await asyncio.sleep(4)

    assert load.statuses[202] > 0
    await lab.prove(load)


@pytest.mark.soak
async def test_home_lets_nobody_in(lab: Lab, load: Load) -> None:
    """Home takes no new connection to its database, and ends the old ones."""
    elsewhere = make_url(lab.databases["home"].dsn).set(database="postgres").render_as_string(hide_password=False)
    async with under_load(load, ACTS), connected(elsewhere) as admin:
        await admin.execute("ALTER DATABASE ninai ALLOW_CONNECTIONS false")
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'ninai'")
        await asyncio.sleep(2)
        await admin.execute("ALTER DATABASE ninai ALLOW_CONNECTIONS true")

    assert load.statuses[202] > 0
    await lab.prove(load)


@pytest.mark.soak
async def test_home_is_out_of_connections(lab: Lab, load: Load) -> None:
    """Others have taken every connection that home can give; the service, which had some, gets none again."""
    elsewhere = make_url(lab.databases["home"].dsn).set(database="postgres").render_as_string(hide_password=False)
    async with under_load(load, ACTS), AsyncExitStack() as taken, connected(elsewhere) as admin:
        await admin.execute("ALTER DATABASE ninai ALLOW_CONNECTIONS false")
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'ninai'")
        with suppress(asyncpg.TooManyConnectionsError):
            while True:
                await taken.enter_async_context(connected(elsewhere))
        await admin.execute("ALTER DATABASE ninai ALLOW_CONNECTIONS true")
        before = load.statuses[202]
        await asyncio.sleep(2)
        accepted = load.statuses[202] - before

    assert accepted > 0
    await lab.prove(load)


@pytest.mark.soak
async def test_home_is_restarted(lab: Lab, load: Load) -> None:
    """Home is restarted in order, twice."""
    async with under_load(load, ACTS):
        for _ in range(2):
            await asyncio.to_thread(lab.databases["home"].stop)
            await asyncio.to_thread(lab.databases["home"].start)
            await asyncio.sleep(1)

    await lab.prove(load)


@pytest.mark.soak
async def test_home_and_standby_fail_in_turns(lab: Lab, load: Load) -> None:
    """One of them is always down, never both."""
    async with under_load(load, ACTS):
        for name in ("standby", "home", "standby", "home"):
            lab.databases[name].kill()
            await asyncio.sleep(1.5)
            await asyncio.to_thread(lab.databases[name].start)
            await asyncio.sleep(1)

    await lab.prove(load)


@pytest.mark.soak
async def test_both_are_down(lab: Lab, load: Load) -> None:
    """Nobody is left to read from; writes are accepted all the same, reads are refused with a time to come back."""
    async with under_load(load, ACTS):
        for database in lab.databases.values():
            database.kill()
        await asyncio.sleep(3)
        for database in lab.databases.values():
            await asyncio.to_thread(database.start)

    assert load.statuses[202] > 0
    assert load.statuses[503] > 0
    await lab.prove(load)


@pytest.mark.soak
async def test_the_service_is_killed(lab: Lab, load: Load) -> None:
    """Its workers are killed in the middle of their work and replaced under the same address, three times."""
    async with under_load(load, ACTS):
        for _ in range(3):
            await asyncio.to_thread(lab.service.kill_workers)
            await asyncio.to_thread(lab.service.wait_until_ready)
            await asyncio.sleep(6)  # a worker that ends sooner again is taken for one that always will, and ends all

    await lab.prove(load)


@pytest.mark.soak
async def test_the_service_is_killed_at_any_moment(lab: Lab, load: Load) -> None:
    """All of its processes are killed at once and it is started again, six times."""
    chance = Random(load.seed)
    async with under_load(load, 2 * ACTS):
        for _ in range(6):
            await asyncio.sleep(chance.uniform(0, 1.5))
            await asyncio.to_thread(lab.service.kill_everything)
            await asyncio.to_thread(lab.service.start)

    assert sum(load.statuses.values()) >= ACTS
    await lab.prove(load)
