"""The real service over a chain of stores of unlike kinds, and the proof that they end alike."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Generic, TypeVar

import httpx

from providers.chain.policy import OperationClass
from providers.journal.operations import JournalStatus, Member
from providers.journal.sqlite.settings import SqliteJournalSettings
from tests.faults.load import Load
from tests.faults.mem0_lab import REPLAY, REQUEST, State, living_at, shown_in_the_end
from tests.faults.unlike import Store, Unlike, running_stores
from tests.simulation.history import broken_promises
from tests.support.native import host_for
from tests.support.postgres import reachable_folder
from tests.support.service import Service

PROGRESS_WITHIN = 90.0  # seconds without a fault, however busy the machine is

StoreT = TypeVar("StoreT", bound=Store)


class UnlikeLab(Generic[StoreT]):
    """The stores, those of them that are in the `order`, and the service over them."""

    def __init__(
        self, stores: Sequence[StoreT], order: Sequence[str], service: Service, journal: SqliteJournalSettings
    ) -> None:
        self.stores, self.order = stores, [*order]
        self.service, self.journal = service, journal

    async def reorder(self, *order: str) -> None:
        """Have the service use another order, and wait until everybody in it has received everything."""
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            answer = await http.put(f"{self.service.url}/admin/providers/order", json={"order": order})
        assert answer.status_code == httpx.codes.OK, answer.text
        self.order = [*order]
        await self.settled()

    async def prove(self, load: Load) -> None:
        """Wait until everything is delivered, read everything back from everybody, and check every promise."""
        await self.settled()
        await load.read_back()
        broken = broken_promises(load.events)
        shown = shown_in_the_end(load)
        users = {event.user for event in load.events}

        assert not load.surprises, load.surprises[:5]
        assert not broken, f"{len(broken)} promises broken, such as: {broken[:3]}"
        for store in self.stores:
            if store.name not in self.order:
                continue
            there = await self.at(store, users)
            assert there == shown, f"{store.name} differs: {sorted(there.items() ^ shown.items())[:5]}"

    async def at(self, store: Store, users: set[str]) -> State:
        """Return every live memory of a store, read past the service by a provider that knows nothing yet."""
        async with store.provider() as provider:
            await asyncio.sleep(provider.staleness)
            return await living_at(provider, users)

    async def settled(self) -> None:
        """Wait until everybody has received everything."""
        least, deadline = math.inf, math.inf
        while True:
            status, members = await self._known()
            backlogs = [backlog for backlog in status.backlogs if backlog.provider in self.order]
            assert not any(backlog.dead for backlog in backlogs), "a dead letter"
            pending = sum(backlog.pending for backlog in backlogs)
            complete = {member.name for member in members if member.state == "complete"}
            left = pending + len({*self.order} - complete)
            if not left:
                return
            if left < least:
                least, deadline = left, time.monotonic() + PROGRESS_WITHIN
            assert time.monotonic() < deadline, f"nothing goes on: {status} {members} {self.service.said()[-2000:]}"
            await asyncio.sleep(0.3)

    async def _known(self) -> tuple[JournalStatus, list[Member]]:
        async with self.journal.open(host_for()) as journal:
            return await journal.status(), list(await journal.members())


@asynccontextmanager
async def running_unlike_lab(
    names: tuple[str, ...], mem0_dsn: str, begun: int | None = None
) -> AsyncIterator[UnlikeLab[Unlike]]:
    """A service over a chain of these stores, or of the first so many; complete from the start."""
    with reachable_folder() as folder:
        async with running_stores(names, folder, mem0_dsn) as stores, running_lab(folder, stores, begun) as lab:
            yield lab


@asynccontextmanager
async def running_lab(
    folder: Path, stores: Sequence[StoreT], begun: int | None = None
) -> AsyncIterator[UnlikeLab[StoreT]]:
    """A service over a chain of stores that run, or of the first so many; complete from the start."""
    own = folder / "service"
    own.mkdir()
    journal = folder / "journal.sqlite3"
    order = [store.name for store in stores][:begun]
    service = Service(own, {**_environment(stores, journal), "NINAI__ORDER": ",".join(order)})
    try:
        await asyncio.to_thread(service.start)
        lab = UnlikeLab(stores, order, service, SqliteJournalSettings(path=journal))
        await lab.settled()
        yield lab
    finally:
        await asyncio.to_thread(service.kill_everything)


def _environment(stores: Sequence[Store], journal: Path) -> Mapping[str, str]:
    return {
        "NINAI__JOURNAL__KIND": "sqlite",
        "NINAI__JOURNAL__PATH": str(journal),
        "NINAI__CHAIN__BREAKER__LONGEST_PAUSE": "5",
        "NINAI__CHAIN__DELIVERIES__LONGEST_WAIT": "5",
        **{
            f"NINAI__PROVIDERS__{store.name.upper()}__{name}": value
            for store in stores
            for name, value in store.variables.items()
        },
        **{
            f"NINAI__CHAIN__ATTEMPTS__{store.name.upper()}__{operation.upper()}__{limit}": seconds
            for store in stores
            for operation in OperationClass
            for limit, seconds in (REPLAY if operation is OperationClass.REPLAY else REQUEST).items()
        },
    }
