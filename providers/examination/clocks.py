"""The clocks of all writers, and of the journal, compared with that of this machine."""

from collections.abc import Callable

from providers.examination.outcome import CheckOutcome, ok, warning
from providers.states.clock import FAR_AHEAD_SECONDS, seconds_ahead
from providers.timing.durations import span

MOST_APART = 60.0  # seconds; clocks that are kept by NTP differ by far less, and no call takes half as long


NOT_ERASED = "what has expired is hidden, and not erased as long as that is so"


def moment_of(told: float, now: Callable[[], float]) -> CheckOutcome:
    """Check what the clock of a journal says, in seconds since 1970."""
    apart = told - now()
    if abs(apart) > MOST_APART:
        ahead = "ahead of" if apart > 0 else "behind"
        return warning(
            f"its clock is {span(abs(apart))} {ahead} this machine's: {NOT_ERASED}",
            "set the clocks of all hosts by NTP; one in a file counts on from the boot of its host",
        )
    return ok("its clock is that of this machine, within a minute")


def versions_of(newest: int, now: Callable[[], float]) -> CheckOutcome:
    """Check the greatest version that was found, which shows whether its writer's clock was right."""
    ahead = seconds_ahead(newest, int(now() * 1000))
    if ahead > FAR_AHEAD_SECONDS:
        return warning(
            f"there are versions that are {span(ahead)} ahead of this machine's clock",
            "set the clocks of all hosts by NTP; see deploy/runbooks/NinaiClockAhead.md",
        )
    return ok("no version is ahead of its time")
