"""Five hundred clients while home is killed twice: everybody is answered, and nothing grows or stays behind."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from tests.faults.crowd import Crowd
from tests.faults.lab import Lab, running_lab
from tests.faults.overload import metric, resident_bytes
from tests.support.service import Service

_LEFT_BY = 30.0  # seconds after the last client
_MOST_GROWTH = 1.2  # times the memory at a third of the time, when all caches are full
_LONG = 60.0  # seconds: before, caches still fill
_OK = {200, 202, 503}

# Clients and seconds.
SIZES = [
    pytest.param((40, 12.0), id="small", marks=pytest.mark.thorough),
    pytest.param((500, 600.0), id="large", marks=pytest.mark.soak),
]


def _everything_has_left(service: Service) -> bool:
    deadline = time.monotonic() + _LEFT_BY
    names = ("ninai_admission_used", "ninai_admission_waiting")
    # The scrape itself has a connection.
    while any(metric(service, name) for name in names) or metric(service, "ninai_connections") > 1:
        if time.monotonic() > deadline:
            return False
    return True


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Two databases of its own."""
    with running_lab() as opened:
        yield opened


@pytest.mark.parametrize("size", SIZES)
async def test_a_crowd_while_home_is_killed_twice(lab: Lab, size: tuple[int, float]) -> None:
    """Each request is answered, refusals say when to come back, memory stays flat, and no connection stays."""
    clients, seconds = size
    crowd, home = Crowd(lab.service.url, clients), lab.databases["home"]
    living = asyncio.create_task(crowd.live(seconds))
    await asyncio.sleep(seconds / 3)
    before = resident_bytes(lab.service)
    for _ in range(2):
        await asyncio.to_thread(home.kill)
        await asyncio.sleep(seconds / 12)
        await asyncio.to_thread(home.start)
        await asyncio.sleep(seconds / 12)
    await living
    after = resident_bytes(lab.service)
    print(f"\n{crowd.statuses}, lost {crowd.lost}, memory {before / 1e6:.0f} -> {after / 1e6:.0f} MB")

    assert await asyncio.to_thread(_everything_has_left, lab.service)
    assert set(crowd.statuses) <= _OK
    assert crowd.statuses[200] > clients
    assert (crowd.lost, crowd.without_retry_after) == (0, 0)
    if seconds >= _LONG:
        assert after <= before * _MOST_GROWTH
