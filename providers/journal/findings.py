"""The outcomes of the checks of what a journal holds, one function for each."""

from providers.examination.outcome import CheckOutcome, ok, warning
from providers.journal.operations import JournalStatus
from providers.timing.durations import span

# A deliverer tries again within a minute; what waits longer waits for somebody to act.
LONGEST_PENDING_SECONDS = 300.0


def journal_of(status: JournalStatus) -> CheckOutcome:
    """Say what it holds."""
    members = ", ".join(backlog.provider for backlog in status.backlogs) or "nobody"
    return ok(f"{status.operations} operations, {status.tombstones} of them tombstones, for {members}")


def pending_of(status: JournalStatus) -> CheckOutcome:
    """Return whether what is to be delivered is delivered."""
    waiting = [backlog for backlog in status.backlogs if backlog.pending]
    if not waiting:
        return ok("nothing is pending")
    found = ", ".join(f"{one.provider} {one.pending}, the oldest {span(one.oldest_seconds)}" for one in waiting)
    if max(one.oldest_seconds for one in waiting) > LONGEST_PENDING_SECONDS:
        return warning(
            found, "see `ninai journal pending` for what keeps them; they are delivered while the service runs"
        )
    return ok(found)


def dead_of(status: JournalStatus) -> CheckOutcome:
    """Return whether a provider has refused anything for good."""
    refused = [backlog for backlog in status.backlogs if backlog.dead]
    if not refused:
        return ok("no dead letters")
    found = ", ".join(f"{one.provider} {one.dead}" for one in refused)
    return warning(found, "`ninai journal dead`, then `ninai journal retry` or `discard`")
