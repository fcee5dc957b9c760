"""The clock of a database, compared with that of this machine."""

from collections.abc import Callable

from providers.examination.outcome import CheckOutcome, ok, warning
from providers.postgres.inspection import Address

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
