"""Searches for garbage are rare, and leave out what a process has at its start: each of them holds up all requests."""

import subprocess
import sys

import pytest

from app.process.garbage import MORE_OBJECTS

# In a process of its own: what is left out stays left out.
_SCRIPT = """
import asyncio, gc, sys
from prometheus_client import CollectorRegistry
from app.main import create_app
from app.reloading.source import Source
from app.settings import load

environ = {"MEMORY_PROVIDER": "mock", "NINAI__DATA_DIR": sys.argv[1]}
source = Source(lambda: load(None, environ=environ)) if sys.argv[2] == "alone" else None
app = create_app(load(None, environ=environ).settings, CollectorRegistry(), source)


async def searched_when_warm():
    before, usual = gc.get_freeze_count(), gc.get_threshold()[0]
    async with app.lifespan():
        while not (await app.state.readiness.answer()).ready:
            await asyncio.sleep(0.01)
        for _ in range(100):  # turns, in which the warm-up ends
            await asyncio.sleep(0)
        return gc.get_freeze_count() - before, gc.get_threshold()[0] - usual


print(*asyncio.run(searched_when_warm()))
"""


def searched(folder: object, how: str) -> tuple[int, int]:
    """How many objects an application has frozen once it was warm, and by how many more a search begins."""
    ended = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", _SCRIPT, str(folder), how], capture_output=True, text=True, check=True
    )
    frozen, more = map(int, ended.stdout.splitlines()[-1].split())
    return frozen, more


@pytest.mark.thorough
def test_a_service_leaves_its_start_out(tmp_path: object) -> None:
    """As soon as it is warm."""
    frozen, more = searched(tmp_path, "alone")

    assert frozen > 10_000
    assert 0 < more < MORE_OBJECTS


@pytest.mark.thorough
def test_an_application_beside_others_does_not(tmp_path: object) -> None:
    """What others have made is not for it to decide, nor how often they search."""
    assert searched(tmp_path, "beside others") == (0, 0)
