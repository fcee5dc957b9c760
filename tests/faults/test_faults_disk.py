"""Disks that are full under load: what is acknowledged is kept, what cannot be kept is refused, and then it goes on."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from tests.faults.disk import SmallDisk, small_disk
from tests.faults.lab import Lab, running_lab, under_load
from tests.faults.load import Load
from tests.support.postgres import connected, reachable_folder

pytestmark = pytest.mark.soak

ACTS = 2_500
FULL_SECONDS = 3.0


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    """Room for what a test stores, until it is filled."""
    with reachable_folder() as folder, small_disk(folder / "disk", 64) as made:
        yield made


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A laboratory of its own for each test, with its journal on an ordinary disk."""
    with running_lab() as opened:
        yield opened


@pytest.fixture
def lab_on_disk(disk: SmallDisk) -> Iterator[Lab]:
    """One with its journal on the small disk."""
    with running_lab(journal_folder=disk.folder) as opened:
        yield opened


async def test_homes_disk_is_full(disk: SmallDisk, lab: Lab) -> None:
    """Home refuses what it has no room for; that is accepted all the same, and home has it as soon as there is room."""
    load = Load(lab.service, 1)
    await _keep_tables_on(disk, lab)
    async with under_load(load, ACTS):
        disk.fill()
        await asyncio.sleep(FULL_SECONDS)
        disk.empty()

    assert load.statuses[202] > 0
    await lab.prove(load)


async def test_the_journals_disk_is_full(disk: SmallDisk, lab_on_disk: Lab) -> None:
    """No write is accepted that could not be made durable, no read fails, and with room again writes go on."""
    load = Load(lab_on_disk.service, 2)
    async with under_load(load, ACTS):
        disk.fill()
        await asyncio.sleep(FULL_SECONDS)
        refused = load.statuses[503]
        disk.empty()

    assert refused > 0
    await lab_on_disk.prove(load)


async def _keep_tables_on(disk: SmallDisk, lab: Lab) -> None:
    """Move home's tables there, while its log and its catalogues stay where they are: it is full, not dead."""
    folder = disk.folder / "tables"
    folder.mkdir()
    server = lab.databases["home"].server
    owner = server.folder.joinpath("data").stat()
    os.chown(folder, owner.st_uid, owner.st_gid)
    async with connected(server.dsn) as admin:
        await admin.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
        await admin.execute("ALTER TABLE ALL IN TABLESPACE pg_default SET TABLESPACE small")
        await admin.execute("ALTER INDEX ALL IN TABLESPACE pg_default SET TABLESPACE small")
