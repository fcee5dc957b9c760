"""A program that writes to a journal while another version does the same; it runs with the code of any version.

Usage: former_program.py NAME KIND PLACE SECONDS. It writes "ready" when the journal is open, and at the end where its
code is, what it was promised (for each of its memories the last state that was acknowledged) and what it delivered.
"""

import asyncio
import importlib.util
import json
import sys
import time
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from msgspec.structs import replace
from prometheus_client import CollectorRegistry

import providers
from observability.metrics import Metrics
from observability.secret import Secret
from providers.journal.base import Journal
from providers.journal.operations import Appended, Done, Operation, OperationKind
from providers.journal.postgres.settings import PostgresJournalSettings
from providers.journal.sqlite.settings import SqliteJournalSettings
from providers.states.clock import HybridClock
from providers.states.digests import digest_of
from providers.states.editing import edited, tombstone_for
from providers.types import Edit, Snapshot

USER = "kannan"
LEAVING = "leaving"  # is erased meanwhile
SHARED = [str(UUID(int=number)) for number in range(1, 4)]


def defined(name: str, *modules: str) -> Any:  # noqa: ANN401 - whatever bears the name
    """Return what has a name in the first of these modules that this version has."""
    module = next(one for one in modules if importlib.util.find_spec(one) is not None)
    return getattr(importlib.import_module(module), name)


Host = defined("Host", "providers.host", "providers.types")
Owner = defined("Owner", "providers.owners", "providers.types")


async def main(name: str, kind: str, place: str, seconds: float) -> None:
    """Write for some seconds."""
    clock = HybridClock()
    host = Host(name=name, data_dir=Path("/nowhere"), metrics=Metrics(CollectorRegistry()), clock=clock)
    settings = (
        SqliteJournalSettings(path=Path(place))
        if kind == "sqlite"
        else PostgresJournalSettings(dsn=Secret(place), timeout=10)
    )
    async with settings.open(host) as journal:
        await journal.join("home", "store of home")
        say("ready")
        writer = Writer(name, journal, clock)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await writer.step()
        report = {"writes": writer.writes, "promised": writer.promised, "delivered": writer.delivered}
        say(json.dumps({"code": str(Path(providers.__file__).parents[1]), **report}))


def say(text: str) -> None:
    """Print one line, and flush it."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Writer:
    """Store, change and delete memories, read what is known, and deliver what is due."""

    def __init__(self, name: str, journal: Journal, clock: HybridClock) -> None:
        self.writes = 0
        self.promised: dict[str, int] = {}  # the last version of each memory that only this program changes
        self.delivered: dict[str, int] = {}  # the last version of each memory that was delivered
        self._name, self._journal, self._clock = name, journal, clock
        self._chance = Random(name)  # noqa: S311 - not for secrets

    async def step(self) -> None:
        """Do one thing."""
        own = [one for one in self.promised if self._chance.random() < 0.5]
        memory_id = self._chance.choice([str(UUID(int=self._chance.getrandbits(120) + 99)), *own[-5:], *SHARED])
        entry = await self._journal.newest(Owner(USER), memory_id)
        if entry is None:
            await self._append(OperationKind.REMEMBER, self._first(memory_id), 0)
        elif not entry.state.deleted:
            state = entry.state
            self._clock.observe(state.version)
            if self._chance.random() < 0.1 and memory_id not in SHARED:
                await self._append(OperationKind.DELETE, tombstone_for(state, self._clock.next()), 0)
            else:
                edit_id = str(UUID(int=self._chance.getrandbits(128)))
                edit = Edit(owner=Owner(USER), memory_id=memory_id, content=f"by {self._name}", edit_id=edit_id)
                changed = edited(state, edit, self._clock.next(), self._clock.moment())
                await self._append(OperationKind.UPDATE, changed, state.version, edit_id, state.edits)
        await self._journal.entries(Owner(USER), "home", 5, 5)
        await self._journal.prune(3_600)
        await self._deliver()

    async def _deliver(self) -> None:
        leased = await self._journal.lease("home", 10, 1)
        done = [one for one in leased if self._chance.random() < 0.8]
        for one in done:
            self.delivered[one.state.id] = max(one.state.version, self.delivered.get(one.state.id, 0))
        await self._journal.settle([Done(seq=one.seq, provider="home", lease=one.lease) for one in done])

    def _first(self, memory_id: str) -> Snapshot:
        digest = digest_of("tea", None)
        moment = self._clock.moment()
        return Snapshot(
            user_id=USER, id=memory_id, version=self._clock.next(), content="tea", created_at=moment, digest=digest
        )

    async def _append(
        self, kind: OperationKind, state: Snapshot, base: int, edit_id: str = "", before: tuple[str, ...] = ()
    ) -> None:
        fields = {"edit_id": edit_id or None, "older_edits": tuple(one for one in before if one not in state.edits)}
        known = {name: value for name, value in fields.items() if name in Operation.__struct_fields__}
        operation = Operation(kind=kind, state=state, base_version=base, **known)  # type: ignore[arg-type] # as each knows
        # In one call with what a user writes who is erased meanwhile.
        other = replace(self._first(str(UUID(int=self._chance.getrandbits(120)))), user_id=LEAVING)
        leaving = Operation(kind=OperationKind.REMEMBER, state=other)
        _, answer = await self._journal.append([leaving, operation], held="home", seconds=1)
        if isinstance(answer, Appended) and not answer.repeated:
            self.writes += 1
            if state.id not in SHARED:
                self.promised[state.id] = state.version


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])))
