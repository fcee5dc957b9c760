"""The checks of what a journal holds, in their order, with their outcomes."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial

from msgspec import Struct

from observability.counted import counted
from providers.examination import clocks
from providers.examination.check import Check, JournalSubject
from providers.examination.outcome import CheckOutcome, ok, skipped, warning
from providers.journal.base import Journal, NoJournal
from providers.journal.operations import JournalStatus
from providers.timing.durations import span

LOOK_AT = "look at the settings below journal, and whether its file or database can be reached by this user"

# A deliverer tries again within a minute; what waits longer waits for somebody to act.
LONGEST_PENDING_SECONDS = 300.0


def journal_of(status: JournalStatus) -> CheckOutcome:
    """Say what it holds."""
    members = ", ".join(backlog.provider for backlog in status.backlogs) or "nobody"
    operations = counted(status.operations, "operation", "operations")
    return ok(f"{operations}, {status.tombstones} of them tombstones, for {members}")


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


_COUNTS: dict[str, Callable[[JournalStatus], CheckOutcome]] = {"pending": pending_of, "dead": dead_of}


class Contents(Struct, frozen=True):
    """What a journal holds, in numbers, the greatest version in it, and what its clock says."""

    status: JournalStatus
    newest_version: int
    moment: float


def contents_checks(
    subject: JournalSubject, opened: Callable[[], AbstractAsyncContextManager[Journal]], needs: tuple[str, ...]
) -> Sequence[Check]:
    """Return the checks of a journal; where there is none, none is made, and the outcome says so."""
    seen: list[Contents] = []

    async def readable() -> CheckOutcome:
        try:
            async with opened() as journal:
                newest, moment = await journal.newest_version(), await journal.moment()
                seen.append(Contents(await journal.status(), newest, moment))
        except NoJournal as reason:
            return skipped(str(reason))
        return journal_of(seen[0].status)

    async def judged(judge: Callable[[JournalStatus], CheckOutcome]) -> CheckOutcome:
        return judge(seen[0].status)

    async def versions() -> CheckOutcome:
        return clocks.versions_of(seen[0].newest_version, subject.now)

    async def moment() -> CheckOutcome:
        return clocks.moment_of(seen[0].moment, subject.now)

    at = subject.at
    return [
        Check(at, readable, LOOK_AT, needs),
        *(Check(f"{at}.{part}", partial(judged, judge), LOOK_AT, (at,)) for part, judge in _COUNTS.items()),
        Check(f"{at}.versions", versions, LOOK_AT, (at,)),
        Check(f"{at}.moment", moment, LOOK_AT, (at,)),
    ]
