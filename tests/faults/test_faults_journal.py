"""The journal in a PostgreSQL of its own that fails under load."""

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest

from tests.faults.lab import JOURNAL, Lab, running_lab, under_load
from tests.faults.load import Load
from tests.support.faults import hanging

pytestmark = pytest.mark.soak

ACTS = 2_500

_seeds = count(1)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One laboratory for all tests, who leave it as they found it."""
    with running_lab(journal_server=True) as opened:
        yield opened


@pytest.fixture
def load(lab: Lab) -> Load:
    """Clients with users of their own."""
    return Load(lab.service, next(_seeds))


async def test_the_journal_is_killed(lab: Lab, load: Load) -> None:
    """While it is down writes are refused and reads say what they may lack; then both go on."""
    async with under_load(load, ACTS):
        lab.databases[JOURNAL].kill()
        await asyncio.sleep(3)
        refused = load.statuses[503]
        await asyncio.to_thread(lab.databases[JOURNAL].start)

    assert refused > 0
    assert any(event.eventual for event in load.events)
    await lab.prove(load)


async def test_the_journal_hangs(lab: Lab, load: Load) -> None:
    """It stops answering without closing a connection; writes are refused, reads answered, and then both go on."""
    async with under_load(load, ACTS):
        with hanging(lab.databases[JOURNAL].server):
            await asyncio.sleep(7)  # longer than a write waits for it
            refused = load.statuses[503]

    assert refused > 0
    assert any(event.eventual for event in load.events)
    await lab.prove(load)


async def test_the_journal_is_restarted_while_home_is_down(lab: Lab, load: Load) -> None:
    """What only the journal has is still there when both are back."""
    async with under_load(load, ACTS):
        lab.databases["home"].kill()
        await asyncio.sleep(1.5)
        await asyncio.to_thread(lab.databases[JOURNAL].stop)
        await asyncio.to_thread(lab.databases[JOURNAL].start)
        await asyncio.sleep(1)
        await asyncio.to_thread(lab.databases["home"].start)

    assert load.statuses[202] > 0
    await lab.prove(load)
