"""A database whose disk is full says so in its health, and goes on once there is room."""

import os
from collections.abc import Iterator

import pytest

from providers.base import MemoryProvider
from providers.errors import Unavailable
from providers.native.embedded import EmbeddedServer
from providers.native.health import PostgresHealth
from providers.postgres.translate import DISK_FULL
from tests.faults.disk import SmallDisk, small_disk
from tests.support.native import open_native_provider
from tests.support.postgres import connected, create_database, drop_database, reachable_folder

MEBIBYTES = 16
LONG_TEXT = "tea " * 1_000


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    """A disk for the tables alone."""
    with reachable_folder() as folder, small_disk(folder / "disk", MEBIBYTES) as made:
        yield made


async def remember_much(provider: MemoryProvider) -> None:
    """Store more than there is room for."""
    for _ in range(10_000):
        await provider.remember("kannan", LONG_TEXT)


async def test_health_sees_a_full_disk(disk: SmallDisk, postgres_server: EmbeddedServer) -> None:
    """Reads are answered, so it is healthy; the reason why writes fail stands there until one succeeds."""
    tables = disk.folder / "tables"
    tables.mkdir()
    owner = postgres_server.folder.joinpath("data").stat()
    os.chown(tables, owner.st_uid, owner.st_gid)
    database = await create_database(postgres_server)
    async with connected(database) as admin:
        await admin.execute(f"CREATE TABLESPACE full_disk LOCATION '{tables}'")
        await admin.execute("ALTER TABLE ALL IN TABLESPACE pg_default SET TABLESPACE full_disk")
    async with open_native_provider(database) as provider:
        await provider.remember("kannan", "tea")
        disk.fill()
        with pytest.raises(Unavailable, match="disk"):
            await remember_much(provider)
        full, found = await provider.health_check(), await provider.recall("kannan", "tea")
        disk.empty()
        await provider.remember("kannan", "coffee")
        free = await provider.health_check()
    await drop_database(postgres_server, database)
    async with connected(postgres_server.dsn) as admin:
        await admin.execute("DROP TABLESPACE full_disk")

    assert isinstance(full, PostgresHealth)
    assert (full.healthy, full.write_error, len(found) > 0) == (True, DISK_FULL, True)
    assert isinstance(free, PostgresHealth)
    assert (free.healthy, free.write_error) == (True, None)
