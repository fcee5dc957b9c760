"""The real service over a real mem0, alone or with a native provider beside it, and what goes wrong with that mem0."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from providers.chain.policy import OperationClass
from providers.journal.operations import JournalStatus
from providers.journal.sqlite.settings import SqliteJournalSettings
from providers.mem0.codec import key_of
from providers.mem0.item import Item
from providers.mem0.names import deleted_of, name_of
from providers.mem0.reconciliation import DELAYS
from providers.mem0.settings import Mem0Settings
from providers.owners import Owner
from providers.replica import Replica
from providers.types import Snapshot
from tests.faults.load import Load
from tests.simulation.history import broken_promises
from tests.simulation.script import Act
from tests.support.fickle_http import Behaviour, FickleHttp, Received
from tests.support.mem0_oss import Mem0Process
from tests.support.native import host_for, open_native_provider
from tests.support.postgres import reachable_folder
from tests.support.service import Service

MEM0, NATIVE = "mem0", "native"

COMPLETE_WITHIN = 120.0  # seconds
PROGRESS_WITHIN = 60.0  # seconds without a fault, however busy the machine is
TIMEOUT = 3.0  # seconds for one request to mem0
LATE = TIMEOUT + 3.0  # seconds after which a request arrives that was given up and repeated meanwhile
FAULT_SECONDS = 4.0

# On a machine that is busy everything is slow, and that alone shall be no fault.
# A second try has little time left, so that a write is accepted while mem0 still hangs.
REQUEST = {"DEADLINE": "3.5", "TRY_LIMIT": "3"}
REPLAY = {"DEADLINE": "30", "TRY_LIMIT": "15"}

State = dict[tuple[str, str], str | None]


class Mem0Lab:
    """The providers in order, the service over them, and the proxy through which it speaks to mem0."""

    def __init__(
        self, order: tuple[str, ...], dsn: str | None, service: Service, mem0: Mem0Process, proxy: FickleHttp
    ) -> None:
        self.order = order
        self.service = service
        self.mem0 = mem0
        self.proxy = proxy
        self.journal = SqliteJournalSettings(path=service.folder.parent / "journal.sqlite3")
        self._dsn = dsn

    async def prove(self, load: Load) -> None:
        """Wait until everything is delivered, read everything back from everybody, and check every promise."""
        await self.proxy.settled()
        await self._drained()
        await load.read_back()
        broken = broken_promises(load.events)
        shown = shown_in_the_end(load)
        users = {event.user for event in load.events}
        at_mem0 = await self._at_mem0(users)
        copies = await self._reconciled(users)

        assert not load.surprises, load.surprises[:5]
        assert not broken, f"{len(broken)} promises broken, such as: {broken[:3]}"
        assert shown == at_mem0, f"only in one: {sorted(shown.items() ^ at_mem0.items())[:5]}"
        if self._dsn is not None:
            at_native = await self._at_native(self._dsn, users)
            assert at_native == at_mem0, f"only in one: {sorted(at_native.items() ^ at_mem0.items())[:5]}"
        assert copies == {}, f"{len(copies)} memories are kept more than once: {list(copies.items())[:5]}"

    async def pending(self) -> int:
        """How many deliveries mem0 has not confirmed."""
        return {backlog.provider: backlog.pending for backlog in (await self.status()).backlogs}[MEM0]

    async def status(self) -> JournalStatus:
        """What the journal says about itself."""
        async with self.journal.open(host_for()) as journal:
            return await journal.status()

    async def wait_until_complete(self) -> None:
        """Wait until everybody has received everything, which is nothing yet."""
        deadline = time.monotonic() + COMPLETE_WITHIN
        async with self.journal.open(host_for()) as journal:
            while sum(member.state == "complete" for member in await journal.members()) < len(self.order):
                assert time.monotonic() < deadline, f"not complete: {await journal.members()}"
                await asyncio.sleep(0.2)

    async def _drained(self) -> None:
        least, deadline = math.inf, math.inf
        while True:
            status = await self.status()
            assert not any(backlog.dead for backlog in status.backlogs), "a dead letter"
            pending = sum(backlog.pending for backlog in status.backlogs)
            if not pending:
                return
            if pending < least:
                least, deadline = pending, time.monotonic() + PROGRESS_WITHIN
            assert time.monotonic() < deadline, f"nothing is delivered any more: {status}"
            await asyncio.sleep(0.2)

    async def _at_mem0(self, users: set[str]) -> State:
        """Every live memory there, read past the service and the proxy, by a provider that knows nothing yet."""
        async with Mem0Settings(base_url=self.mem0.base_url, dialect="oss", timeout=30).open(host_for()) as provider:
            return await living_at(provider, users)

    async def _at_native(self, dsn: str, users: set[str]) -> State:
        async with open_native_provider(dsn) as provider:
            return await living_at(provider, users)

    async def _reconciled(self, users: set[str]) -> Counter[str]:
        """The memories of which there is more than one copy when the last look after late writes is over."""
        deadline = time.monotonic() + DELAYS[-1] + 30
        while True:
            copies = await self._copies(users)
            if not copies or time.monotonic() > deadline:
                return copies
            await asyncio.sleep(2)

    async def _copies(self, users: set[str]) -> Counter[str]:
        keys: Counter[str] = Counter()
        async with self.mem0.client() as client:
            for name in (name for user in users for name in (name_of(Owner(user)), deleted_of(Owner(user)))):
                answer = await client.get("/memories", params={"user_id": name, "top_k": 1_000})
                for found in answer.json()["results"]:
                    key = key_of(Item(id=found["id"], user=name, text=found["memory"], metadata=found["metadata"]))
                    keys[f"{name} {key}" if key is None else key] += 1
        return Counter({key: count for key, count in keys.items() if count > 1})


Fault = Callable[[Mem0Lab], Awaitable[None]]


async def hangs(lab: Mem0Lab) -> None:
    """It takes connections and answers nothing, then it goes on with all of them."""
    lab.mem0.pause()
    await asyncio.sleep(FAULT_SECONDS)
    lab.mem0.go_on()


async def is_killed(lab: Mem0Lab) -> None:
    """It is gone at once, and started again."""
    lab.mem0.kill()
    await asyncio.sleep(FAULT_SECONDS / 2)
    await lab.mem0.start()


async def throttles(lab: Mem0Lab) -> None:
    """It asks for patience."""
    headers = {"content-type": "application/json", "retry-after": "1"}
    await lab.proxy.become(Behaviour.STATUS, status=429, headers=headers)
    await asyncio.sleep(FAULT_SECONDS)
    await lab.proxy.become(Behaviour.OK)


async def talks_nonsense(lab: Mem0Lab) -> None:
    """It answers with a page of HTML, then with half of what it has done, then with 502."""
    for behaviour in (Behaviour.GARBAGE, Behaviour.TRUNCATED, Behaviour.STATUS):
        await lab.proxy.become(behaviour, status=502)
        await asyncio.sleep(FAULT_SECONDS / 2)
    await lab.proxy.become(Behaviour.OK)


async def stores_and_hangs(lab: Mem0Lab) -> None:
    """It does what it is asked, and does not say so."""
    await lab.proxy.become(Behaviour.STORE_THEN_HANG, only=_writes)
    await asyncio.sleep(FAULT_SECONDS)
    await lab.proxy.become(Behaviour.OK)


async def is_late(lab: Mem0Lab) -> None:
    """It does what it is asked, long after the asker has given up and has asked again."""
    await lab.proxy.become(Behaviour.LATE, only=_writes, delay=LATE)
    await asyncio.sleep(FAULT_SECONDS)
    await lab.proxy.become(Behaviour.OK)


FAULTS: tuple[Fault, ...] = (hangs, is_killed, throttles, talks_nonsense, stores_and_hangs, is_late)


@asynccontextmanager
async def running_mem0_lab(order: tuple[str, ...], mem0_dsn: str, native_dsn: str) -> AsyncIterator[Mem0Lab]:
    """A service over mem0, and over the native provider if it is in the order; complete from the start."""
    dsn = native_dsn if NATIVE in order else None
    mem0 = Mem0Process(mem0_dsn)
    with reachable_folder() as folder:
        async with FickleHttp(mem0.base_url) as proxy:
            own = folder / "service"
            own.mkdir()
            service = Service(own, _environment(order, proxy.base_url, dsn, folder / "journal.sqlite3"))
            try:
                # Both take seconds to start, and the service can wait for mem0, whose very first call is to be alone.
                await proxy.become(Behaviour.DOWN)
                starting = asyncio.create_task(asyncio.to_thread(service.start))
                async with mem0:
                    await proxy.become(Behaviour.OK)
                    await starting
                    lab = Mem0Lab(order, dsn, service, mem0, proxy)
                    await lab.wait_until_complete()
                    yield lab
            finally:
                await asyncio.to_thread(service.kill_everything)


def _environment(order: tuple[str, ...], base_url: str, dsn: str | None, journal: Path) -> Mapping[str, str]:
    native = {} if dsn is None else {"KIND": "native", "DSN": dsn, "POOL_SIZE": "5"}
    mem0 = {"KIND": "mem0", "BASE_URL": base_url, "DIALECT": "oss", "TIMEOUT": str(TIMEOUT)}
    return {
        "NINAI__ORDER": ",".join(order),
        "NINAI__JOURNAL__KIND": "sqlite",
        "NINAI__JOURNAL__PATH": str(journal),
        "NINAI__CHAIN__BREAKER__LONGEST_PAUSE": "5",
        "NINAI__CHAIN__DELIVERIES__LONGEST_WAIT": "5",
        **{f"NINAI__PROVIDERS__NATIVE__{key}": value for key, value in native.items()},
        **{f"NINAI__PROVIDERS__MEM0__{key}": value for key, value in mem0.items()},
        **{
            f"NINAI__CHAIN__ATTEMPTS__{name.upper()}__{operation.upper()}__{limit}": seconds
            for name in order
            for operation in OperationClass
            for limit, seconds in (REPLAY if operation is OperationClass.REPLAY else REQUEST).items()
        },
    }


async def living_at(provider: Replica, users: set[str]) -> State:
    """Return every live memory of some users."""
    states: list[Snapshot] = []
    for owner in await provider.owners():
        states += await provider.snapshots(owner) if owner.user in users else []
    return {(state.user_id, state.id): state.content for state in states if not state.deleted}


def shown_in_the_end(load: Load) -> State:
    """What the service listed when everything was over."""
    return {
        (event.user, seen.memory_id): seen.content
        for event in load.events
        if event.final and event.act is Act.LIST
        for seen in event.seen
    }


def _writes(received: Received) -> bool:
    return received.method == "DELETE" or (received.method, received.path) == ("POST", "/memories")
