"""What the parts of a chain share: the clock of deadlines, the journal under a deadline, and the observer."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from observability import notes, tracing
from providers.chain.deadline import Deadline, Shutdown
from providers.chain.execution import JOURNAL, Execution
from providers.chain.latency_estimate import LatencyEstimate, hang_timeout
from providers.chain.observer import ChainObserver, JournalCall
from providers.chain.policy import LONGEST_REQUEST, AttemptPolicy, OperationClass
from providers.chain.route import Route
from providers.errors import ProviderError
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import Settlement
from providers.timing.lag_tolerant import LagTolerantTimeout

Answer = TypeVar("Answer")

_SPANS = {JournalCall.APPEND: "journal append", JournalCall.LOOK: "journal look"}

_EXPECTED_SECONDS = 0.3  # that the journal takes for one call on a busy machine


class ChainContext:
    """Start operations, ask the journal, and report to the observer; `now` is the monotonic clock of deadlines."""

    def __init__(
        self,
        journal: Journal,
        observer: ChainObserver,
        now: Callable[[], float] = time.monotonic,
        shutdown: Shutdown | None = None,
    ) -> None:
        self.now = now
        self._shutdown = shutdown
        self._latencies = {call: LatencyEstimate(_EXPECTED_SECONDS) for call in JournalCall}
        self._journal = journal
        self._observer = observer

    def begin(self, route: Route, operation: OperationClass, size: int = 1) -> Execution:
        """Start an operation on a route, with the time that it has."""
        return Execution(route, self.deadline(route, operation, size))

    def deadline(self, route: Route, operation: OperationClass, size: int = 1) -> Deadline:
        """Start counting: what the caller is ready to wait, or the configured time if it did not say."""
        home = route.home
        if home is None:
            configured = AttemptPolicy().of(operation).seconds(size, LONGEST_REQUEST)
        else:
            configured = home.attempts.seconds(operation, size)
        return Deadline.after(configured if (asked := _patience()) is None else asked, self.now, self._shutdown)

    def need(self, call: JournalCall) -> float:
        """Return the seconds that are to be left for the journal, and after which it counts as hung."""
        return hang_timeout(self._latencies[call].value)

    async def journal(
        self, ask: Callable[[Journal], Awaitable[Answer]], seconds: float, call: JournalCall = JournalCall.LOOK
    ) -> Answer:
        """Ask the journal, at most so long; this process's own lag does not count.

        Raises:
            JournalUnavailable: no answer; what was to be written may or may not be there.
        """
        request = notes.current.get()
        started = time.perf_counter()
        watch = LagTolerantTimeout(seconds, now=self.now)
        outcome = "bug"
        try:
            with tracing.span(_SPANS[call]):
                async with watch:
                    answer = await ask(self._journal)
            outcome = "ok"
            self._latencies[call].add(watch.seconds)
        except ProviderError as error:
            outcome = error.outcome
            self._note(outcome)
            raise
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        except TimeoutError as error:
            if not watch.expired:
                raise  # not ours: a bug in the journal
            outcome = JournalUnavailable.outcome
            self._note(outcome)
            raise JournalUnavailable(f"the journal did not answer within {seconds:g} s", ambiguous=True) from error
        finally:
            waited = time.perf_counter() - started
            self._observer.asked_journal(call, outcome, waited)
            if request is not None:
                request.journal_seconds += waited
        return answer

    async def settle(self, *settlements: Settlement) -> None:
        """Settle deliveries in the journal; if it does not answer, they will be made again, without harm."""
        request = notes.current.get()
        started = time.perf_counter()
        with contextlib.suppress(JournalUnavailable), tracing.span("journal settle"):
            await self._journal.settle(settlements)
        if request is not None:
            request.journal_seconds += time.perf_counter() - started

    def session(self, seq: int) -> str:
        """Return a token for what has been written up to this operation."""
        return f"{self._journal.id}.{seq}"

    def read_by(self, provider: str, instead_of: str | None = None, reason: str = "") -> None:
        """Report who has answered a read, and why the first one has not."""
        self._observer.read_by(provider, instead_of, reason)

    def fell_back(self, source: str, target: str, operation: OperationClass, reason: str) -> None:
        """Report that another provider is asked."""
        self._observer.fell_back(source, target, operation, reason)

    def _note(self, outcome: str) -> None:
        request = notes.current.get()
        if request is not None:
            request.outcomes[JOURNAL] = outcome


def _patience() -> float | None:
    request = notes.current.get()
    return None if request is None else request.patience
