"""The journal as a simulated replica uses it: the real one, on a database that may fail, notified of what others do."""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import TypeVar
from weakref import WeakKeyDictionary

from providers.errors import Rejected
from providers.journal.base import JournalUnavailable
from providers.journal.operations import Appended, Operation, Settlement
from providers.journal.sqlite.connection import JournalConnection, Work
from providers.journal.sqlite.journal import SqliteJournal
from providers.journal.sqlite.running import Runner
from tests.simulation.doubling import relaying
from tests.simulation.faulty import ON_THE_WAY_BACK, Life, Weather
from tests.simulation.script import JOURNAL, Mode

Answer = TypeVar("Answer")

_LATEST_NOTICE = 0.25  # seconds until a process looks for what others have done


class Notifier:
    """Notify relays some time after anybody has changed the database, if that makes something due for them earlier."""

    def __init__(self, connection: JournalConnection, chance: Random) -> None:
        self.changes = 0
        self._connection = connection
        self._chance = chance
        # Their provider and the end of their wait; in their order, so that each run is the same again.
        self._waiting: dict[asyncio.Future[None], tuple[str, float]] = {}

    def look(self) -> None:
        """Notify, if there is a reason to."""
        changes = self._connection.raw.total_changes
        if changes == self.changes:
            return
        self.changes = changes
        if not self._waiting:
            return
        loop = asyncio.get_running_loop()
        rows = self._connection.rows("SELECT provider, min(due_at) FROM deliveries GROUP BY provider")
        due: dict[str, float | None] = {provider: due_at for provider, due_at in rows}  # noqa: C416 - rows have no types
        for woken, (provider, until) in [*self._waiting.items()]:
            due_at = due.get(provider)
            if due_at is not None and due_at < until:
                del self._waiting[woken]
                loop.call_later(self._chance.choice((0.0, self._chance.uniform(0, _LATEST_NOTICE))), _wake, woken)

    async def wait(self, provider: str, seconds: float) -> None:
        """Wait until the next notification of what is due for a provider, but at most so long."""
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _wake, woken)
        self._waiting[woken] = provider, self._connection.now() + seconds
        try:
            await woken
        finally:
            timer.cancel()
            self._waiting.pop(woken, None)


class FaultyRunner(Runner):
    """The journal's database as one simulated replica reaches it."""

    def __init__(self, connection: JournalConnection, notifier: Notifier, weather: Weather, life: Life) -> None:
        self.connection = connection
        self.notifier = notifier
        self.deliveries = weather.deliveries
        self._weather = weather
        self._life = life

    async def run(self, work: Work[Answer]) -> Answer:
        """Do it, unless a fault comes before or after."""
        weather, life = self._weather, self._life
        lag, returning = weather.lag(JOURNAL, 0.0002, 0.002), weather.chance.random() < ON_THE_WAY_BACK
        if not returning:
            await life.wait(lag)
        mode = weather.at(JOURNAL)
        if mode is Mode.REFUSED:
            raise JournalUnavailable("refused")
        if mode is Mode.SLOW:
            await life.wait(weather.chance.uniform(0.05, 3))
        answer = work(self.connection)
        self.notifier.look()
        if mode is Mode.APPLIED_THEN_ERROR:
            raise JournalUnavailable("connection lost", ambiguous=True)
        if returning:
            await life.wait(lag)
        return answer


class SimulatedJournal(SqliteJournal):
    """The real one, but for its waits: they are notified of changes unless it `looks` for them.

    Four looks a second by each relay would be most of a run, and so would be those of everybody at every change, so
    that the wait of a relay ends only if something is due for its provider.
    """

    def __init__(self, runner: FaultyRunner, *, looks: bool) -> None:
        super().__init__(runner.connection.journal_id, runner, runner)
        self._connection = runner.connection
        self._notifier = runner.notifier
        self._looks = looks
        self._deliveries = runner.deliveries
        self._seen: WeakKeyDictionary[asyncio.Task[object], int] = WeakKeyDictionary()

    async def append(
        self, operations: Sequence[Operation], *, held: str | None = None, seconds: float = 0.0
    ) -> list[Appended | Rejected]:
        """See `Journal`."""
        outcomes = await super().append(operations, held=held, seconds=seconds)
        if held is not None:
            self._deliveries.appended(held, outcomes)
        return outcomes

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """See `Journal`."""
        self._deliveries.settled(settlements)
        await super().settle(settlements)

    async def wait(self, seconds: float) -> None:
        """See `Journal`."""
        if self._looks:
            await super().wait(seconds)
            return
        task = asyncio.current_task()
        assert task is not None
        provider = relaying.get()
        assert provider is not None, "nobody waits but relays"
        deadline = self._connection.now() + seconds
        seen = self._seen.get(task, -1)
        while (left := deadline - self._connection.now()) > 0:
            due_now, due_in = _due(self._connection, provider)
            if due_now and seen != self._notifier.changes:
                break
            seen = self._notifier.changes
            await self._notifier.wait(provider, min(left, due_in))
            if self._notifier.changes == seen:
                break  # nothing has changed, so it is the moment that has come
        self._seen[task] = self._notifier.changes


def _due(connection: JournalConnection, provider: str) -> tuple[bool, float]:
    """Return whether anything is due for a provider, and the seconds until something more becomes due."""
    now = connection.now()
    [(due_now, due_at)] = connection.rows(
        """SELECT EXISTS (SELECT 1 FROM deliveries WHERE provider = ?2 AND due_at <= ?1),
        (SELECT min(due_at) FROM deliveries WHERE provider = ?2 AND due_at > ?1)""",
        (now, provider),
    )
    return bool(due_now), float("inf") if due_at is None else due_at - now


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
