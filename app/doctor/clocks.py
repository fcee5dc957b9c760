"""The clocks: whether this machine's agrees with a database's, and with those of all writers."""

from collections.abc import Callable

from app.doctor.database import Address
from app.doctor.durations import span
from app.doctor.finding import CheckOutcome, ok, warning
from providers.states.clock import FAR_AHEAD_SECONDS, seconds_ahead

# A machine that keeps its time by NTP is off by milliseconds. Memories are ordered by the clocks of those who write.
MOST_SKEW_SECONDS = 1.0


async def compared(address: Address, now: Callable[[], float]) -> CheckOutcome:
    """Ask the database for the time; what the round trip may hide is in its favour."""
    skew = await address.skew(now)
    ahead = "ahead of" if skew.seconds > 0 else "behind"
    found = f"{abs(skew.seconds):.3f} s {ahead} this machine"
    if abs(skew.seconds) - skew.uncertainty > MOST_SKEW_SECONDS:
        return warning(f"{found}, more than {MOST_SKEW_SECONDS:g}", "set both clocks by NTP")
    return ok(found)


def versions_of(newest: int, now: Callable[[], float]) -> CheckOutcome:
    """Check the greatest version that was found, which shows whether its writer's clock was right."""
    ahead = seconds_ahead(newest, int(now() * 1000))
    if ahead > FAR_AHEAD_SECONDS:
        return warning(
            f"there are versions that are {span(ahead)} ahead of this machine's clock",
            "set the clocks of all hosts by NTP; see deploy/runbooks/NinaiClockAhead.md",
        )
    return ok("no version is ahead of its time")
