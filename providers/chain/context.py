"""What the parts of a chain share: the clock of deadlines, calls to the journal, and the observer."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from observability import notes, tracing
from providers.chain.deadline import Clock, Deadline, Shutdown
from providers.chain.execution import JOURNAL, Execution
from providers.chain.guarded_try import note_outcome
from providers.chain.latency_estimate import LatencyEstimate, hang_timeout
from providers.chain.observer import ChainObserver, JournalCall
from providers.chain.policy import LONGEST_REQUEST, AttemptPolicy, OperationClass
from providers.chain.route import Route
from providers.chain.waiting.pacing import Pacing
from providers.errors import ProviderError, SessionLost
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import Settlement
from providers.states.clock import HybridClock
from providers.timing.lag_tolerant import LagTolerantTimeout

Answer = TypeVar("Answer")

_SPANS = {JournalCall.APPEND: "journal append", JournalCall.LOOK: "journal look"}

_EXPECTED_SECONDS = 0.3  # the expected latency of one call to the journal on a busy machine


class ChainContext:
    """Begin operations, call the journal within a time limit, and report to the observer; `now` is monotonic.

    `pacing` is what is known of the backlog for home, and `clock` mints versions.
    """

    def __init__(
        self,
        journal: Journal,
        observer: ChainObserver,
        now: Clock = time.monotonic,
        shutdown: Shutdown | None = None,
        distrust: Callable[[], str | None] = lambda: None,
        clock: HybridClock | None = None,
    ) -> None:
        self.now = now
        self.clock = clock or HybridClock()
        self.pacing = Pacing(now)
        self._distrust = distrust
        self._shutdown = shutdown
        self._latencies = {call: LatencyEstimate(_EXPECTED_SECONDS) for call in JournalCall}
        self._journal = journal
        self.observer = observer
        self._last_seq = 0  # the greatest that the journal is known to have used

    def begin(self, route: Route, operation: OperationClass, size: int = 1) -> Execution:
        """Begin an operation on a route, with its deadline."""
        return Execution(route, self.deadline(route, operation, size))

    def deadline(self, route: Route, operation: OperationClass, size: int = 1) -> Deadline:
        """Return the deadline of an operation: the caller's own, or the configured one where the caller sent none."""
        home = route.home
        if home is None:
            configured = AttemptPolicy().of(operation).seconds(size, LONGEST_REQUEST)
        else:
            configured = home.attempts.seconds(operation, size)
        return Deadline.of_request(configured, self.now, self._shutdown)

    def need(self, call: JournalCall) -> float:
        """Return the seconds to reserve for a call to the journal; after them the call counts as hung."""
        return hang_timeout(self._latencies[call].value)

    async def journal(
        self, ask: Callable[[Journal], Awaitable[Answer]], seconds: float, call: JournalCall = JournalCall.LOOK
    ) -> Answer:
        """Call the journal with a time limit that the lag of this process does not use up.

        Raises:
            JournalUnavailable: there was no answer; a write may or may not have happened. Or the journal may be that of
                another installation.
        """
        if (reason := self._distrust()) is not None:
            raise JournalUnavailable(reason)
        request = notes.current.get()
        started = time.perf_counter()
        watch = LagTolerantTimeout(seconds, now=self.now)
        outcome = "bug"
        try:
            with tracing.span(_SPANS[call]):
                watch.begin()
                try:
                    answer = await ask(self._journal)
                except BaseException as error:
                    watch.finish(error)
                    raise
                watch.finish(None)
            outcome = "ok"
            self._latencies[call].add(watch.seconds)
        except ProviderError as error:
            outcome = error.outcome
            note_outcome(JOURNAL, outcome)
            self._last_seq = 0  # the journal that answers again may be an earlier state of this one
            raise
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        except TimeoutError as error:
            if not watch.expired:
                raise  # not raised by this timeout: a bug in the journal
            outcome = JournalUnavailable.outcome
            note_outcome(JOURNAL, outcome)
            raise JournalUnavailable(f"the journal did not answer within {seconds:g} s", ambiguous=True) from error
        finally:
            waited = time.perf_counter() - started
            self.observer.asked_journal(call, outcome, waited)
            if request is not None:
                request.journal_seconds += waited
        return answer

    async def settle(self, *settlements: Settlement) -> None:
        """Settle deliveries in the journal; if it does not answer, they are made again, which is harmless."""
        request = notes.current.get()
        started = time.perf_counter()
        with contextlib.suppress(JournalUnavailable), tracing.span("journal settle"):
            await self._journal.settle(settlements)
        if request is not None:
            request.journal_seconds += time.perf_counter() - started

    def session(self, seq: int) -> str:
        """Return a token for everything that was written up to this operation."""
        self._last_seq = max(self._last_seq, seq)
        return f"{self._journal.id}.{seq}"

    async def check_session(self, seconds: float) -> None:
        """Refuse a session whose writes the journal does not know; ask the journal only if it may be one.

        Raises:
            SessionLost: the session is of another journal, or this journal was put back to an earlier state.
            JournalUnavailable: the journal does not answer.
        """
        request = notes.current.get()
        if request is None or request.session is None:
            return
        name, _, seq = request.session.rpartition(".")
        if int(seq) > self._last_seq or name != self._journal.id:
            self._last_seq = await self.journal(lambda journal: journal.last_seq(), seconds)
        if name != self._journal.id:
            raise SessionLost("the session was begun with another journal")
        if int(seq) > self._last_seq:
            raise SessionLost("the journal was put back to a state before the last write of the session")
