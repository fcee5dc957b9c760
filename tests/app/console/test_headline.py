"""The headline of the console: the effect on callers, whatever the state of the providers."""

import pytest

from app.console.callers_view import CallersView
from app.console.headline import ALL_IS_WELL, ATTENTION, Situation, headline
from observability.callers import Ends
from providers.chain.breaker_state import BreakerSnapshot, BreakerState
from providers.chain.status import ChainStatus, Choice, Explanation, ProviderStatus, Role


def callers(whole: Ends | None = None, reads: Ends | None = None, writes: Ends | None = None) -> CallersView:
    """What callers got; nothing at all unless it is said."""
    return CallersView(
        rate=0.0,
        line=None,
        whole=whole or Ends(),
        reads=reads or Ends(),
        writes=writes or Ends(),
        operations=[],
        failure=None,
        failed_ago=300.0,
        counts=None,
    )


def situation(
    *,
    asked: str | None = "native",
    breaker: BreakerState = BreakerState.CLOSED,
    pending: int = 0,
    oldest: float = 0.0,
    journal_error: str | None = None,
    journalled: bool = True,
    full: str | None = None,
    got: CallersView | None = None,
) -> Situation:
    """A chain of `native` and `second`, of which the first is home."""
    home = ProviderStatus(
        name="native",
        role=Role.HOME,
        breaker=BreakerSnapshot(
            provider="native",
            state=breaker,
            why="",
            seconds_in_state=0.0,
            seconds_to_probe=None,
            last_error=None,
            calls=0,
            failures=0,
            failures_in_a_row=0,
        ),
        in_flight=0,
        places=1,
        retries_left=0,
        pending=pending,
        oldest_pending_seconds=oldest,
    )
    status = ChainStatus(
        order=("native", "second"), home="native", providers=(home,), journal=None, journal_error=journal_error
    )
    choices = tuple(Choice(provider=name, asked=name == asked, why="") for name in ("native", "second"))
    return Situation(
        status=status,
        reading=Explanation(operation="recall", choices=choices),
        callers=got or callers(),
        journalled=journalled,
        full=full,
    )


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (situation(), ALL_IS_WELL),
        (
            situation(asked="second", breaker=BreakerState.OPEN, pending=722),
            "Reads come from second, writes are accepted, 722 wait for native",
        ),
        (situation(asked=None, breaker=BreakerState.FORCED_OPEN, journalled=False), "Reads fail, writes fail"),
        (situation(journal_error="down"), "No write is accepted"),
        (situation(full="/data"), "Writes fail: the disk is full"),
        (situation(pending=3, oldest=61.0), "3 wait for native"),
        (situation(pending=3, oldest=60.0), ALL_IS_WELL),
        (
            situation(got=callers(Ends(9, 3), Ends(4, 1), Ends(5, refused=2))),
            "1 of 4 reads and 2 of 5 writes failed in the last minute",
        ),
        (situation(got=callers(Ends(9, 1))), "1 request failed, the last 5 min ago"),
    ],
)
def test_the_effect_is_told(found: Situation, words: str) -> None:
    """All is well only while no caller is worse off."""
    assert headline(found, ()) == words


def test_what_hurts_no_caller_yet_needs_attention() -> None:
    """A dead letter, for example."""
    assert headline(situation(), ["native has 1 dead letter."]) == ATTENTION
