"""While the hosts of a journal are updated one by one, a former program and this one write to it side by side."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from observability.secret import Secret
from providers.erasure.fences import new_key
from providers.erasure.receipts import Erasure
from providers.journal.base import Journal
from providers.journal.changes import PLACE, JournalPosition, WebhookNote
from providers.journal.operations import Done
from providers.journal.postgres.settings import PostgresJournalSettings
from providers.journal.sqlite.settings import SqliteJournalSettings
from providers.owners import Owner
from providers.states.clock import HybridClock, wall_clock_ms
from tests.providers.journal.former_program import LEAVING, SHARED, USER
from tests.providers.journal.rig import host_in
from tests.support.former import ROOT, former_code
from tests.support.service import environment

# The last one whose journals did not count their steps, and one that knows neither erasures nor changes.
FORMER_COMMITS = ("2f0dc0e", "e1be6df3")
PROGRAM = Path(__file__).with_name("former_program.py")
SECONDS = 5
OVERLAP = 2
AHEAD_MS = 1_000  # by which the clock of the host that erases a user is ahead of the others
QUARANTINES = "what is hidden"
NOTES = [WebhookNote(PLACE, "how far it is"), WebhookNote(7, "a letter", USER)]


@pytest.fixture(scope="module", params=FORMER_COMMITS)
def former(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Return a folder with the code of a former program."""
    return former_code(request.param, tmp_path_factory.mktemp("former"))


async def started(name: str, code: Path, kind: str, place: str) -> Process:
    """Start a program with the code in a folder, and wait until it has opened the journal."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, PROGRAM, name, kind, place, str(SECONDS), stdout=PIPE, env=environment(PYTHONPATH=str(code))
    )
    assert process.stdout is not None
    while (line := await process.stdout.readline()) != b"ready\n":  # before it are lines of the log
        assert line, f"{name} has ended"
    return process


async def reported(process: Process, code: Path) -> dict[str, Any]:
    """Return what a program with the code in a folder says at its end."""
    output, _ = await process.communicate()
    assert process.returncode == 0
    report: dict[str, Any] = json.loads(output.splitlines()[-1])
    assert report["code"] == str(code)
    assert report["writes"] > 10
    return report


async def known(journal: Journal, memory_id: str) -> int | None:
    """Return the version of a memory that the journal knows."""
    entry = await journal.newest(Owner(USER), memory_id)
    return None if entry is None else entry.state.version


class Follower:
    """Follow the changes of a journal."""

    def __init__(self, journal: Journal) -> None:
        self.told: dict[str, int] = {}  # the version of each memory that was told last
        self._journal = journal
        self._place: JournalPosition | None = None

    async def follow(self) -> None:
        """Take page after page for as long as the task lasts."""
        while True:
            await self.take()
            await asyncio.sleep(0.02)

    async def take(self) -> None:
        """Take one page."""
        page = await self._journal.changes(self._place, 100)
        self.told |= {change.state.id: change.state.version for change in page.changes}
        self._place = page.position

    async def until(self, wanted: dict[str, int]) -> None:
        """Follow until all of this was told last."""
        async with asyncio.timeout(20):
            while not wanted.items() <= self.told.items():
                await self.take()
                await asyncio.sleep(0.02)


async def erased(journal: Journal) -> int:
    """Erase a user by a clock that is ahead; return the version up to which nothing may come back."""
    version = HybridClock(lambda: wall_clock_ms() + AHEAD_MS).next()
    begun = await journal.begin_erasure(Erasure(id=str(uuid4()), owner=LEAVING, hash="", requested_at=0.0))
    fenced = await journal.fence(replace(begun, version=version), new_key())
    await journal.purge(fenced.owner, fenced.version)
    return fenced.version


async def versions_of(journal: Journal, user: str) -> list[int]:
    """Return the versions of all memories of a user that the journal knows."""
    found: list[int] = []
    place: JournalPosition | None = None
    while True:
        page = await journal.changes(place, 1_000)
        found += [change.state.version for change in page.changes if change.state.user_id == user]
        if not page.more:
            return found
        place = page.position


async def delivered(journal: Journal) -> dict[str, int]:
    """Deliver all that is due, until nothing is pending; return the last version of each memory."""
    found: dict[str, int] = {}
    async with asyncio.timeout(20):
        while (await journal.status()).backlogs[0].pending:
            leased = await journal.lease("home", 100, 1)
            for one in leased:
                found[one.state.id] = max(one.state.version, found.get(one.state.id, 0))
            await journal.settle([Done(seq=one.seq, provider="home", lease=one.lease) for one in leased])
            await asyncio.sleep(0.02)
    return found


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_two_versions_write_to_one_journal(former: Path, kind: str, tmp_path: Path, database: str) -> None:
    """One that was there before, one that comes with the update, and a former one that starts after it."""
    place = str(tmp_path / "journal") if kind == "sqlite" else database
    settings = (
        SqliteJournalSettings(path=Path(place))
        if kind == "sqlite"
        else PostgresJournalSettings(dsn=Secret(place), timeout=10)
    )
    processes = [await started("former", former, kind, place)]
    await asyncio.sleep(OVERLAP)
    processes.append(await started("present", ROOT, kind, place))
    processes.append(await started("late", former, kind, place))

    async with settings.open(host_in(tmp_path)) as journal, asyncio.TaskGroup() as tasks:
        await journal.note_history("home", keeps=True)
        await journal.note_webhook("crm", NOTES)
        assert await journal.note_quarantines(QUARANTINES, None)
        follower = Follower(journal)
        following = tasks.create_task(follower.follow())
        await asyncio.sleep(OVERLAP / 2)
        fence = await erased(journal)
        codes = (former, ROOT, former)
        reports = [await reported(process, code) for process, code in zip(processes, codes, strict=True)]
        following.cancel()

        promises = [report["promised"] for report in reports]
        for promise in promises:
            assert {memory_id: await known(journal, memory_id) for memory_id in promise} == promise
            await follower.until(promise)
            for memory_id in promise:
                entry = await journal.newest(Owner(USER), memory_id)
                assert entry is not None
                assert not entry.state.deleted or await journal.superseded(Owner(USER), memory_id) == []
        assert None not in [await known(journal, memory_id) for memory_id in SHARED]
        assert (await journal.status()).operations > len(SHARED)
        assert await journal.quarantines() == QUARANTINES
        assert await journal.webhook_notes("crm", 10) == NOTES

        if kind == "sqlite":  # where a former program heeds no fence, and the last look of an erasure does what is left
            await journal.purge(LEAVING, fence)
        above = await versions_of(journal, LEAVING)
        assert above
        assert min(above) > fence

        rest = await delivered(journal)
        arrived = [report["delivered"] for report in reports] + [rest]
        for memory_id, version in (one for promise in promises for one in promise.items()):
            assert max(found.get(memory_id, 0) for found in arrived) == version
