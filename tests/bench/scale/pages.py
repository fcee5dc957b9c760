"""What the system holds of the databases in memory: nothing of them, or all that recall indexes are loaded from."""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

from providers.native.embedded import EmbeddedServer
from tests.bench.scale.databases import dsn_of, name_of
from tests.support.postgres import connected

# The memories, the index by which they are found to be packed, and the one by which they are counted before.
_LOADED_FROM = ("ninai_memories", "ninai_memories_changed", "ninai_memories_list")

_FILES = """
    SELECT pg_relation_filepath(part.relid) AS file
    FROM unnest(CAST($1 AS text[])) AS name, pg_partition_tree(CAST(name AS regclass)) AS part WHERE part.isleaf
"""

_BYTES_A_READ = 8 * 1024**2


def forget_pages(folder: Path) -> None:
    """Have the system forget what it holds of the databases in memory, and of nothing else."""
    for file in (_data(folder) / "base").glob("*/*"):
        opened = os.open(file, os.O_RDONLY)
        try:
            os.fsync(opened)  # what is not written yet would stay
            os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(opened)


def read_pages(folder: Path, server: EmbeddedServer, sizes: Iterable[int]) -> None:
    """Have the system hold in memory what recall indexes are loaded from, as far as it fits, and print how much it is.

    The embedded server comes without `pg_prewarm`, which reads the same, and a scan of a table reads no index.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    total = 0
    for size in sorted(sizes, reverse=True):  # what does not fit drives out what was read first
        files = asyncio.run(_files(dsn_of(server, name_of(size))))
        read = sum(_read(segment) for file in files for segment in _segments(_data(folder) / file))
        total += read
        print(f"{size:,} memories: read {read:,} bytes of the table and two indexes{_beyond(read, memory)}", flush=True)
    print(f"all: read {total:,} bytes; the machine has {memory:,} bytes of memory{_beyond(total, memory)}", flush=True)


def _data(folder: Path) -> Path:
    return folder / "postgres" / "data"


async def _files(dsn: str) -> list[str]:
    async with connected(dsn) as connection:
        return [row["file"] for row in await connection.fetch(_FILES, list(_LOADED_FROM))]


def _segments(file: Path) -> list[Path]:
    """Return the file, what comes after its first gigabyte, and its map of the pages that all may see."""
    return [file, *file.parent.glob(f"{file.name}.*"), *file.parent.glob(f"{file.name}_vm")]


def _read(file: Path) -> int:
    buffer = bytearray(_BYTES_A_READ)
    with file.open("rb", buffering=0) as opened:
        return sum(iter(lambda: opened.readinto(buffer), 0))


def _beyond(read: int, memory: int) -> str:
    return ", MORE than the memory of the machine: not all of it stays there" if read > memory else ""
