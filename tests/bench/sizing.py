"""What a memory costs: disk, journal, index, backup, and processor time for each remember and recall.

One service with its embedded PostgreSQL, the local embedder and a journal. Texts have 40 words, some 270 characters.
Disk is the size of the database after a vacuum, and of the journal while it retains everything. Memory is what the
process that answers grows by when every user has asked once. Processor time is that of the service and PostgreSQL.
"""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from time import perf_counter

import httpx

from providers.native.embedded import EmbeddedServer, folder_of
from tests.bench.load import table
from tests.bench.service import text_of
from tests.support.postgres import connected, reachable_folder
from tests.support.service import NINAI, Service, environment, running_service

USERS = 20
MEMORIES = 2_000  # of each
WORDS = 40
ASKED = 400  # single requests of each kind
_BATCH = 500
_LONG = 120.0  # seconds
_JOURNAL = {"NINAI__JOURNAL__KIND": "sqlite"}
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Fill a service, and print what each of its memories costs."""
    random = Random(1)
    with (
        reachable_folder() as folder,
        running_service(folder, _JOURNAL) as service,
        httpx.Client(base_url=service.url, trust_env=False, timeout=_LONG) as http,
    ):
        table(iter([("cost", "value"), *_measured(service, http, random)]))


def _measured(service: Service, http: httpx.Client, random: Random) -> Sequence[tuple[str, str]]:
    empty, number = asyncio.run(_database_bytes(service)), USERS * MEMORIES
    batched = _processor(service, lambda: _fill(http, random)) / number
    disk = asyncio.run(_database_bytes(service)) - empty
    journal = sum(file.stat().st_size for file in service.data_dir.glob("journal.sqlite3*"))
    before = _resident(service)
    _ask_each(http, random)
    index = _resident(service) - before
    remember = _processor(service, lambda: _each(http, random, "remember", "content")) / ASKED
    recall = _processor(service, lambda: _each(http, random, "recall", "query")) / ASKED
    began = perf_counter()
    backup = _backup(service)
    seconds = perf_counter() - began
    return [
        ("database", f"{disk / number:,.0f} bytes a memory"),
        ("journal, while it retains", f"{journal / number:,.0f} bytes a memory"),
        ("recall index", f"{index / number:,.0f} bytes a memory"),
        ("backup", f"{backup / number:,.0f} bytes a memory, {seconds / number * 1e6:.0f} s a million"),
        ("remember, in batches", f"{batched * 1000:.2f} ms of a processor"),
        ("remember", f"{remember * 1000:.2f} ms of a processor"),
        (f"recall over {MEMORIES:,}", f"{recall * 1000:.2f} ms of a processor"),
    ]


def _fill(http: httpx.Client, random: Random) -> None:
    for user in range(USERS):
        for _ in range(MEMORIES // _BATCH):
            body = {"memories": [{"content": text_of(random, WORDS)} for _ in range(_BATCH)]}
            answer = http.post("/memory/remember/batch", json=body, headers=_user(user)).raise_for_status()
            if answer.json()["failed"]:
                raise RuntimeError(answer.text[:300])


def _ask_each(http: httpx.Client, random: Random) -> None:
    for user in range(USERS):
        answer = http.post("/memory/recall", json={"query": text_of(random, 5)}, headers=_user(user))
        answer.raise_for_status()


def _each(http: httpx.Client, random: Random, operation: str, field: str) -> None:
    for number in range(ASKED):
        body = json.dumps({field: text_of(random, WORDS if operation == "remember" else 5)})
        headers = {**_user(number % USERS), "Content-Type": "application/json"}
        http.post(f"/memory/{operation}", content=body, headers=headers).raise_for_status()


def _user(number: int) -> dict[str, str]:
    return {"X-User-ID": f"user-{number}"}


def _backup(service: Service) -> int:
    """Back the service up, and return the bytes of the backup."""
    target = service.folder / "copy"
    argv: list[str | Path] = [NINAI, "backup", target, "--data-dir", service.data_dir]
    subprocess.run(argv, env=environment(**_JOURNAL), check=True, capture_output=True)  # noqa: S603 - our own command
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    shutil.rmtree(target)
    return size


async def _database_bytes(service: Service) -> int:
    async with connected(EmbeddedServer(folder_of(service.data_dir, "native")).dsn) as connection:
        await connection.execute("VACUUM")
        return int(await connection.fetchval("SELECT pg_database_size(current_database())"))


def _resident(service: Service) -> int:
    """Return the bytes of memory of the processes that answer requests."""
    processes = service.workers() or {service.main.pid}
    return _PAGE_BYTES * sum(int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) for pid in processes)


def _processor(service: Service, work: Callable[[], None]) -> float:
    """Return the seconds of processor time that service and database spend while something is done."""
    before = _spent(service)
    work()
    return _spent(service) - before


def _spent(service: Service) -> float:
    """Return what all processes have spent, those that have ended since included with their parents."""
    ticks = 0
    for pid in service.processes():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))  # its own and its ended children's, as user and as system
    return ticks / _TICKS


if __name__ == "__main__":
    main()
