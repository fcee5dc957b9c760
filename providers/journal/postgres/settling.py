"""Settling: queued, combined, and written in the background."""

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import structlog

from providers.journal.base import JournalUnavailable
from providers.journal.operations import Dead, Done, Loan, Postponed, Settlement
from providers.journal.postgres import statements
from providers.journal.postgres.bell import Bell
from providers.journal.postgres.database import JournalDatabase

_AT_ONCE = 1_000  # settlements in one statement
_MAX_QUEUED = 50_000  # settlements; beyond them the oldest are lost, which costs repetitions
_PAUSE = 0.5  # seconds until the next try after a failure

_log = structlog.get_logger(__name__)


class Settler:
    """Write down what became of deliveries, in the order in which it was told.

    `patience` is how many seconds whoever asks afterwards waits for what is still on its way.
    """

    def __init__(self, database: JournalDatabase, bell: Bell, patience: float) -> None:
        self._database = database
        self._bell = bell
        self._patience = patience
        self._queue: deque[Settlement] = deque()
        self._task: asyncio.Task[None] | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._told = 0  # settlements ever queued
        self._closed = False
        self._tried = 0  # of them, those that were written, lost, or have failed once

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """Queue settlements; they are written soon, or when the database is back."""
        if self._closed:
            raise JournalUnavailable("the journal is closed")
        self._queue.extend(settlements)
        self._told += len(settlements)
        if len(self._queue) > _MAX_QUEUED:
            _log.warning("settlements_lost", count=len(self._queue) - _MAX_QUEUED)
            while len(self._queue) > _MAX_QUEUED:
                self._queue.popleft()
        if self._pause is None:
            self._start()

    async def settled(self) -> None:
        """Wait until everything queued so far has been written, or could not be soon."""
        told = self._told
        ends_at = asyncio.get_running_loop().time() + self._patience
        while self._tried < told and self._task is not None and not self._task.done():
            remaining = ends_at - asyncio.get_running_loop().time()
            if remaining <= 0:
                return
            await asyncio.wait({self._task}, timeout=remaining)

    async def close(self) -> None:
        """Write what is queued, if the database takes it; what it does not take costs a repetition."""
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
        told = self._told
        try:
            async with self._database.writing() as connection:
                rows = await connection.execute(statements.SETTLE, _settlements(batch))
                replaced = _replaced(batch, {(row.provider, row.seq) for row in rows})
                if replaced:
                    # Later, since what it locks comes in an order of its own.
                    await connection.execute(statements.MOVE, _loans(replaced))
        except JournalUnavailable:
            self._queue.extendleft(reversed(batch))
            self._tried = told
            raise
        self._tried = self._told - len(self._queue)
        delays = {settlement.delay for settlement in batch if isinstance(settlement, Postponed)}
        for delay in delays | {_delay(settlement) for settlement, _ in replaced}:
            self._bell.ring_after(delay)


def _different(queue: deque[Settlement], limit: int) -> list[Settlement]:
    """Take from the front what concerns different deliveries, since one statement changes a row only once."""
    taken: dict[tuple[int, str], Settlement] = {}
    while queue and len(taken) < limit and (queue[0].seq, queue[0].provider) not in taken:
        settlement = queue.popleft()
        taken[settlement.seq, settlement.provider] = settlement
    return list(taken.values())


def _replaced(batch: Iterable[Settlement], found: Collection[tuple[str, int]]) -> list[tuple[Settlement, Loan]]:
    """Give those of deliveries that were lent and are not there any more."""
    return [
        (settlement, settlement.loan)
        for settlement in batch
        if settlement.loan is not None and (settlement.provider, settlement.seq) not in found
    ]


def _settlements(batch: Iterable[Settlement]) -> dict[str, list[Any]]:
    return _columns(
        ("providers", "seqs", "verdicts", "delays", "errors", "counts"),
        ((settlement.provider, settlement.seq, *_verdict(settlement)) for settlement in batch),
    )


def _loans(replaced: Iterable[tuple[Settlement, Loan]]) -> dict[str, list[Any]]:
    return _columns(
        ("providers", "users", "memories", "untils", "delays"),
        (
            (settlement.provider, loan.user_id, loan.memory_id, loan.until, _delay(settlement))
            for settlement, loan in replaced
        ),
    )


def _columns(names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _delay(settlement: Settlement) -> float:
    return settlement.delay if isinstance(settlement, Postponed) else 0.0


def _verdict(settlement: Settlement) -> tuple[str, float, str, int]:
    match settlement:
        case Done():
            return "done", 0.0, "", 0
        case Postponed(delay=delay, error=error, counts=counts):
            return "postponed", delay, error, int(counts)
        case Dead(error=error):
            return "dead", 0.0, error, 1
