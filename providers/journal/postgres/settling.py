"""Settlements, which are queued, combined, and written in the background."""

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import structlog

from providers.journal.base import JournalUnavailable
from providers.journal.operations import HELD, Dead, Done, Held, LeaseToken, Postponed, Settlement
from providers.journal.postgres import statements
from providers.journal.postgres.database import JournalDatabase
from providers.journal.postgres.notifier import Notifier

_AT_ONCE = 1_000  # settlements in one statement
_MAX_QUEUED = 50_000  # settlements; beyond these the oldest are lost, which costs repetitions
_PAUSE = 0.5  # seconds until the next try after a failure

Move = tuple[str, LeaseToken, float]  # provider, lease, seconds until the end that it shall have

_log = structlog.get_logger(__name__)


class Settler:
    """Write the results of deliveries in the order of the calls.

    `patience` is the time in seconds for which a later read waits for settlements that are not written yet.
    """

    def __init__(self, database: JournalDatabase, notifier: Notifier, patience: float) -> None:
        self._database = database
        self._notifier = notifier
        self._patience = patience
        self._queue: deque[Settlement] = deque()
        self._task: asyncio.Task[None] | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._queued = 0  # settlements ever
        self._tried = 0  # of them, those that were written, lost, or have failed once
        self._closed = False

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """Queue settlements; they are written soon, or when the database is back."""
        if self._closed:
            raise JournalUnavailable("the journal is closed")
        self._queue.extend(settlements)
        self._queued += len(settlements)
        if len(self._queue) > _MAX_QUEUED:
            _log.warning("settlements_lost", count=len(self._queue) - _MAX_QUEUED)
            while len(self._queue) > _MAX_QUEUED:
                self._queue.popleft()
        if self._pause is None:
            self._start()

    async def settled(self) -> None:
        """Wait until everything queued so far was written or has failed, but no longer than `patience`."""
        queued = self._queued
        ends_at = asyncio.get_running_loop().time() + self._patience
        while self._tried < queued and self._task is not None and not self._task.done():
            remaining = ends_at - asyncio.get_running_loop().time()
            if remaining <= 0:
                return
            await asyncio.wait({self._task}, timeout=remaining)

    async def close(self) -> None:
        """Write what is queued if the database accepts it; each settlement that is lost costs a repetition."""
        self._closed = True
        if self._pause is not None:
            self._pause.cancel()
            self._start()
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})
        if self._pause is not None:
            self._pause.cancel()
        if self._queue:
            _log.warning("settlements_lost", count=len(self._queue))

    def _start(self) -> None:
        self._pause = None
        if self._queue and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._write_some(), name="settle")
            self._task.add_done_callback(self._go_on)

    def _go_on(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._start()
            return
        if not isinstance(error, JournalUnavailable):
            _log.error("settling_failed", exc_info=error)
        self._pause = asyncio.get_running_loop().call_later(_PAUSE, self._start)

    async def _write_some(self) -> None:
        batch = _different(self._queue, _AT_ONCE)
        queued = self._queued
        try:
            async with self._database.writing() as connection:
                rows = await connection.execute(statements.SETTLE, _settlements(batch))
                replaced = _replaced(batch, {(row.provider, row.seq) for row in rows})
                if replaced:
                    # A second statement, because it locks in an order of its own.
                    await connection.execute(statements.MOVE, moves(replaced))
        except JournalUnavailable:
            self._queue.extendleft(reversed(batch))
            self._tried = queued
            raise
        self._tried = self._queued - len(self._queue)
        delays = {settlement.delay for settlement in batch if isinstance(settlement, Postponed | Held)}
        for delay in delays | {delay for _, _, delay in replaced}:
            self._notifier.notify_after(delay)


def _different(queue: deque[Settlement], limit: int) -> list[Settlement]:
    """Take settlements of different deliveries from the front, since one statement changes a row only once."""
    taken: dict[tuple[int, str], Settlement] = {}
    while queue and len(taken) < limit and (queue[0].seq, queue[0].provider) not in taken:
        settlement = queue.popleft()
        taken[settlement.seq, settlement.provider] = settlement
    return list(taken.values())


def _replaced(batch: Iterable[Settlement], found: Collection[tuple[str, int]]) -> list[Move]:
    """Return the moves of leases whose deliveries do not exist any more."""
    return [
        (settlement.provider, settlement.lease, settlement.delay if isinstance(settlement, Postponed) else 0.0)
        for settlement in batch
        if settlement.lease is not None and (settlement.provider, settlement.seq) not in found
    ]


def _settlements(batch: Iterable[Settlement]) -> dict[str, list[Any]]:
    return _columns(
        ("providers", "seqs", "verdicts", "delays", "errors", "counts"),
        ((settlement.provider, settlement.seq, *_verdict(settlement)) for settlement in batch),
    )


def moves(leases: Iterable[Move]) -> dict[str, list[Any]]:
    """Return the values of the statement that moves the ends of leases."""
    return _columns(
        ("providers", "users", "memories", "untils", "delays"),
        ((provider, lease.user_id, lease.memory_id, lease.until, delay) for provider, lease, delay in leases),
    )


def _columns(names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _verdict(settlement: Settlement) -> tuple[str, float, str, int]:
    match settlement:
        case Done():
            return "done", 0.0, "", 0
        case Postponed(delay=delay, error=error, counts=counts):
            return "postponed", delay, error, int(counts)
        case Held(delay=delay):
            return "held", delay, HELD, 0
        case Dead(error=error):
            return "dead", 0.0, error, 1
