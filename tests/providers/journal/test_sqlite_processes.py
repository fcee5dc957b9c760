"""When real processes use the journal in a file, what was acknowledged outlives them, and they share the deliveries."""

import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from providers.journal.sqlite.settings import SqliteJournalSettings
from providers.owners import Owner
from tests.providers.journal.rig import LONG, USER, host_in
from tests.providers.journal.sqlite_worker import AT_ONCE
from tests.support.service import environment

ROOT = Path(__file__).parents[3]
ROUNDS = 5
ACKNOWLEDGED = 100  # at least, before a process is killed
EACH = 20  # operations of each task
PATIENCE = 60.0  # seconds


def started(*arguments: object) -> subprocess.Popen[str]:
    """Hold a worker that has the journal open."""
    process = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-m", "tests.providers.journal.sqlite_worker", *map(str, arguments)],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.thorough
async def test_what_was_acknowledged_outlives_a_killed_process(tmp_path: Path) -> None:
    """A process killed while it appends loses nothing that was acknowledged, again and again on the same file."""
    acknowledged: list[str] = []
    for _ in range(ROUNDS):
        with started("append", tmp_path) as process:
            assert process.stdout is not None
            acknowledged += [line.strip() for line in islice(process.stdout, ACKNOWLEDGED)]
            process.kill()
            acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]

    async with SqliteJournalSettings().open(host_in(tmp_path)) as journal:
        found = [await journal.newest(Owner(USER), memory_id) for memory_id in acknowledged]
        assert len(found) >= ROUNDS * ACKNOWLEDGED
        assert all(entry is not None and entry.pending == {"home"} for entry in found)


async def test_two_processes_share_a_file(tmp_path: Path) -> None:
    """Two processes append and lease at once: every operation is there, and none was leased twice."""
    said: dict[str, list[int]] = {"appended": [], "leased": []}
    with started("share", tmp_path, EACH) as one, started("share", tmp_path, EACH) as other:
        for process in (one, other):
            assert process.stdout is not None
            # Not by `communicate`, which knows nothing of what was read together with the first line.
            for line in process.stdout:
                word, seq = line.split()
                said[word].append(int(seq))
            assert process.wait(PATIENCE) == 0

    async with SqliteJournalSettings().open(host_in(tmp_path)) as journal:
        left = [delivery.seq for delivery in await journal.lease("home", 1_000, LONG)]
        assert len(said["appended"]) == 2 * AT_ONCE * EACH == (await journal.status()).operations
        assert sorted(said["leased"] + left) == sorted(said["appended"])
        assert len(said["leased"]) > EACH
