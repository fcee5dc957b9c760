"""A story on a clock that is moved by hand, fed with what happens, and the lines that it writes."""

from typing import Any

from msgspec.structs import replace
from structlog.typing import EventDict

from providers.chain.breaker_state import BreakerSnapshot, BreakerState
from providers.chain.observer import Attempt, JournalCall
from providers.chain.policy import OperationClass
from providers.chain.reporting.events import LogEvents
from providers.chain.reporting.reporter import Reporter
from providers.chain.status import ChainStatus, ProviderStatus, Role
from providers.errors import ProviderError, Unavailable
from providers.journal.operations import JournalStatus
from tests.support.clock import FakeClock

EPOCH = 1_800_000_000.0  # what the wall clock shows when the monotonic one shows 0

DOWN = Unavailable("connection refused")


class Teller:
    """Two providers, `home` and `standby`, with a journal; `logs` is what was captured."""

    def __init__(self, logs: list[EventDict], *, journalled: bool = True) -> None:
        self.clock = FakeClock()
        self.story = Reporter(LogEvents(self.clock, lambda: EPOCH + self.clock()))
        self.states = dict.fromkeys(("home", "standby"), BreakerState.CLOSED)
        self.asked_second = dict.fromkeys(("home", "standby"), False)
        self.logs = logs
        self.routed("home", "standby", journalled=journalled)

    def routed(self, *order: str, complete: tuple[str, ...] | None = None, journalled: bool = True) -> None:
        """Put an order in force."""
        self.story.routed(order, frozenset(order if complete is None else complete), journalled=journalled)

    def fail(self, times: int = 1, error: ProviderError = DOWN, provider: str = "home", every: float = 0.1) -> None:
        """Have a provider fail."""
        for _ in range(times):
            self.story.tried(self._attempt(provider, error.outcome, error))
            self.clock.pass_by(every)

    def answer(self, provider: str = "home", error: ProviderError | None = None) -> None:
        """Have a provider answer."""
        self.story.tried(self._attempt(provider, "ok" if error is None else error.outcome, error))

    def breaker(self, state: BreakerState, why: str = "why", provider: str = "home") -> None:
        """Have a breaker change."""
        self.states[provider] = state
        self.story.breaker_changed(snapshot(provider, state, why))

    def journal(self, outcome: str) -> None:
        """Have the journal answer, or not."""
        self.story.asked_journal(JournalCall.LOOK, outcome, 0.1)

    def look(self, *, error: str | None = None, **pending: int) -> None:
        """Take a look at so many deliveries for each provider; the oldest of any has waited for a second."""
        journal = JournalStatus(operations=0, tombstones=0, last_seq=0, backlogs=())
        self.story.look(
            ChainStatus(
                order=("home", "standby"),
                home="home",
                providers=tuple(
                    replace(
                        standing(name, self.states[name], pending.get(name, 0)), asked_second=self.asked_second[name]
                    )
                    for name in ("home", "standby")
                ),
                journal=journal if error is None else None,
                journal_error=error,
            )
        )

    @property
    def events(self) -> list[str]:
        """The names of all lines so far."""
        return [line["event"] for line in self.logs]

    def last(self) -> dict[str, Any]:
        """The last line."""
        return dict(self.logs[-1])

    def _attempt(self, provider: str, outcome: str, error: ProviderError | None) -> Attempt:
        return Attempt(
            provider=provider, operation=OperationClass.READ, outcome=outcome, seconds=0.1, number=1, error=error
        )


def snapshot(provider: str, state: BreakerState, why: str = "why") -> BreakerSnapshot:
    """A breaker in that state."""
    return BreakerSnapshot(
        provider=provider,
        state=state,
        why=why,
        seconds_in_state=0.0,
        seconds_to_probe=None,
        last_error=None,
        calls=0,
        failures=0,
        failures_in_a_row=0,
    )


def standing(provider: str, state: BreakerState, pending: int) -> ProviderStatus:
    """A provider for which so much waits."""
    return ProviderStatus(
        name=provider,
        role=Role.HOME,
        breaker=snapshot(provider, state),
        in_flight=0,
        places=1,
        retries_left=1,
        pending=pending,
        oldest_pending_seconds=1.0 if pending else 0.0,
        patience={"read": 0.1, "recall": 0.25},
    )
