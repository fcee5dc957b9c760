"""Two real databases and the real service over them, and everything that can be done to them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

from observability.secret import Secret
from providers.journal.operations import JournalStatus
from providers.journal.postgres.settings import PostgresJournalSettings
from providers.journal.sqlite.settings import SqliteJournalSettings
from providers.native.embedded import EmbeddedServer, wheel_binaries
from providers.owners import Owner
from providers.types import Snapshot
from tests.faults.load import Load
from tests.simulation.history import broken_promises
from tests.support.faults import kill
from tests.support.native import host_for, open_native_provider
from tests.support.postgres import reachable_folder
from tests.support.service import Service, running_service

SETTLED_BY = 120.0  # seconds after the last fault
NAMES = ("home", "standby")
JOURNAL = "journal"


class Database:
    """One PostgreSQL server that can be started, killed and stopped again and again."""

    def __init__(self, folder: Path) -> None:
        self.server = EmbeddedServer(folder, wheel_binaries(18))
        self._running = contextlib.ExitStack()

    @property
    def dsn(self) -> str:
        """Where it is, running or not."""
        return self.server.dsn

    def start(self) -> None:
        """Start it."""
        self._running.enter_context(self.server.running())

    def stop(self) -> None:
        """Shut it down in order."""
        self._running.close()

    def kill(self) -> None:
        """End every process of it at once, as a power cut would."""
        kill(self.server)
        self._running.close()


class Stores:
    """The databases by name, and the journal of the service over them."""

    def __init__(
        self, databases: Mapping[str, Database], journal: SqliteJournalSettings | PostgresJournalSettings
    ) -> None:
        self.databases = databases
        self.journal = journal

    async def prove(self, load: Load) -> None:
        """Wait until everything is delivered, read everything back, and check every promise."""
        await self._drained()
        await load.read_back()

        assert not load.surprises, load.surprises[:5]
        broken = broken_promises(load.events)
        assert not broken, f"{len(broken)} promises broken, such as: {broken[:3]}"
        home, standby = [await self._stored(self.databases[name]) for name in NAMES]
        assert home == standby, f"only at home or other there: {sorted(home.items() - standby.items())[:5]}"

    async def status(self) -> JournalStatus:
        """What the journal says about itself."""
        async with self.journal.open(host_for()) as journal:
            return await journal.status()

    async def _drained(self) -> None:
        deadline = time.monotonic() + SETTLED_BY
        while True:
            status = await self.status()
            assert [backlog.dead for backlog in status.backlogs] == [0, 0], "a dead letter"
            if not any(backlog.pending for backlog in status.backlogs):
                return
            assert time.monotonic() < deadline, f"still pending: {status}"
            await asyncio.sleep(0.2)

    async def _stored(self, database: Database) -> dict[tuple[str, str], str | None]:
        """Every live memory of a database with its content, read past the service."""
        async with open_native_provider(database.dsn) as provider:
            states: list[Snapshot] = []
            after: Owner | None = None
            while owners := await provider.owners(after=after):
                for owner in owners:
                    states += await provider.snapshots(owner)
                after = owners[-1]
            return {(state.user_id, state.id): state.content for state in states if not state.deleted}

    async def complete(self) -> None:
        """Wait until the standby has received everything, which is nothing yet."""
        deadline = time.monotonic() + SETTLED_BY
        async with self.journal.open(host_for()) as journal:
            while not all(member.state == "complete" for member in await journal.members()):
                assert time.monotonic() < deadline, f"not complete: {await journal.members()}"
                await asyncio.sleep(0.2)


class Lab(Stores):
    """The databases, and one service over them."""

    def __init__(
        self,
        databases: Mapping[str, Database],
        service: Service,
        journal: SqliteJournalSettings | PostgresJournalSettings,
    ) -> None:
        super().__init__(databases, journal)
        self.service = service


@contextlib.contextmanager
def running_databases(folder: Path, *names: str) -> Iterator[dict[str, Database]]:
    """Run a server in the folder for each name."""
    with contextlib.ExitStack() as stack:
        databases = {name: Database(folder / name) for name in names}
        for database in databases.values():
            database.start()
            stack.callback(database.stop)
        yield databases


@contextlib.contextmanager
def running_lab(
    variables: Mapping[str, str] | None = None, *, journal_folder: Path | None = None, journal_server: bool = False
) -> Iterator[Lab]:
    """Two databases and a service over them, complete from the start; the journal in a file, or in a third database."""
    with (
        reachable_folder() as folder,
        running_databases(folder, *NAMES, *([JOURNAL] if journal_server else [])) as databases,
    ):
        journal: SqliteJournalSettings | PostgresJournalSettings
        if journal_server:
            journal = PostgresJournalSettings(dsn=Secret(databases[JOURNAL].dsn))
            place = {"KIND": "postgres", "DSN": databases[JOURNAL].dsn}
        else:
            path = (journal_folder or folder) / "journal.sqlite3"
            journal = SqliteJournalSettings(path=path)
            place = {"KIND": "sqlite", "PATH": str(path)}
        environment = {
            "NINAI__ORDER": ",".join(NAMES),
            **{f"NINAI__JOURNAL__{key}": value for key, value in place.items()},
            **{f"NINAI__PROVIDERS__{name.upper()}__KIND": "native" for name in NAMES},
            **{f"NINAI__PROVIDERS__{name.upper()}__DSN": databases[name].dsn for name in NAMES},
            **{f"NINAI__PROVIDERS__{name.upper()}__POOL_SIZE": "5" for name in NAMES},
            **(variables or {}),
        }
        own = folder / "service"
        own.mkdir()
        with running_service(own, environment) as service:
            lab = Lab(databases, service, journal)
            asyncio.run(lab.complete())
            yield lab


@contextlib.asynccontextmanager
async def under_load(load: Load, acts: int) -> AsyncIterator[None]:
    """Act in the background for as long as it takes, while faults come and go."""
    running = asyncio.create_task(load.run(acts))
    try:
        await asyncio.sleep(0.5)
        yield
        await running
    finally:
        running.cancel()
    assert len(load.events) >= acts - acts % 8
