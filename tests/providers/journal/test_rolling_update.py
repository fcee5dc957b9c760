"""While the hosts of a journal are updated one by one, the former program and this one write to it side by side."""

import asyncio
import io
import json
import shutil
import subprocess
import sys
import tarfile
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from observability.secret import Secret
from providers.journal.base import Journal
from providers.journal.postgres.settings import PostgresJournalSettings
from providers.journal.sqlite.settings import SqliteJournalSettings
from providers.owners import Owner
from tests.providers.journal.former_program import SHARED, USER
from tests.providers.journal.rig import host_in
from tests.support.service import environment

# The last one whose journals did not count their steps.
FORMER_COMMIT = "2f0dc0e"
ROOT = Path(__file__).parents[3]
PROGRAM = Path(__file__).with_name("former_program.py")
SECONDS = 5
OVERLAP = 2


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the code of the former program."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("the former program is in the history, and there is no git to look it up")
    archive = subprocess.run(  # noqa: S603 - our own history
        [git, "-C", ROOT, "archive", FORMER_COMMIT], capture_output=True, check=False
    )
    if archive.returncode:
        pytest.skip(f"the former program is in the history, and this checkout does not have {FORMER_COMMIT}")
    folder = tmp_path_factory.mktemp("former")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


async def started(name: str, code: Path, kind: str, place: str) -> Process:
    """Start a program with the code in a folder, and wait until it has opened the journal."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, PROGRAM, name, kind, place, str(SECONDS), stdout=PIPE, env=environment(PYTHONPATH=str(code))
    )
    assert process.stdout is not None
    while (line := await process.stdout.readline()) != b"ready\n":  # before it are lines of the log
        assert line, f"{name} has ended"
    return process


async def promised(process: Process) -> dict[str, int]:
    """Return what a program was promised."""
    output, _ = await process.communicate()
    assert process.returncode == 0
    report = json.loads(output.splitlines()[-1])
    assert report["writes"] > 10
    found: dict[str, int] = report["promised"]
    return found


async def known(journal: Journal, memory_id: str) -> int | None:
    """Return the version of a memory that the journal knows."""
    entry = await journal.newest(Owner(USER), memory_id)
    return None if entry is None else entry.state.version


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_two_versions_write_to_one_journal(former: Path, kind: str, tmp_path: Path, database: str) -> None:
    """One that was there before, one that comes with the update, and a former one that starts after it."""
    place = str(tmp_path / "journal") if kind == "sqlite" else database
    processes = [await started("former", former, kind, place)]
    await asyncio.sleep(OVERLAP)
    processes.append(await started("present", ROOT, kind, place))
    processes.append(await started("late", former, kind, place))

    promises = [await promised(process) for process in processes]

    settings = (
        SqliteJournalSettings(path=Path(place))
        if kind == "sqlite"
        else PostgresJournalSettings(dsn=Secret(place), timeout=10)
    )
    async with settings.open(host_in(tmp_path)) as journal:
        for promise in promises:
            assert {memory_id: await known(journal, memory_id) for memory_id in promise} == promise
        assert None not in [await known(journal, memory_id) for memory_id in SHARED]
        assert (await journal.status()).operations > len(SHARED)
