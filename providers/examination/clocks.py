"""The clocks of all writers, compared with that of this machine."""

from collections.abc import Callable

from providers.examination.outcome import CheckOutcome, ok, warning
from providers.states.clock import FAR_AHEAD_SECONDS, seconds_ahead
from providers.timing.durations import span


def versions_of(newest: int, now: Callable[[], float]) -> CheckOutcome:
    """Check the greatest version that was found, which shows whether its writer's clock was right."""
    ahead = seconds_ahead(newest, int(now() * 1000))
    if ahead > FAR_AHEAD_SECONDS:
        return warning(
            f"there are versions that are {span(ahead)} ahead of this machine's clock",
            "set the clocks of all hosts by NTP; see deploy/runbooks/NinaiClockAhead.md",
        )
    return ok("no version is ahead of its time")
