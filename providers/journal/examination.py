"""The checks of what a journal holds, in their order."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial

from msgspec import Struct

from providers.examination import clocks
from providers.examination.check import Check, JournalSubject
from providers.examination.outcome import CheckOutcome, skipped
from providers.journal import findings
from providers.journal.base import Journal, NoJournal
from providers.journal.operations import JournalStatus

LOOK_AT = "look at the settings below journal, and whether its file or database can be reached by this user"

_COUNTS: dict[str, Callable[[JournalStatus], CheckOutcome]] = {"pending": findings.pending_of, "dead": findings.dead_of}


class Contents(Struct, frozen=True):
    """What a journal holds, in numbers, and the greatest version in it."""

    status: JournalStatus
    newest_version: int


def contents_checks(
    subject: JournalSubject, opened: Callable[[], AbstractAsyncContextManager[Journal]], needs: tuple[str, ...]
) -> Sequence[Check]:
    """Return the checks of a journal; where there is none, none is made, and the outcome says so."""
    seen: list[Contents] = []

    async def readable() -> CheckOutcome:
        try:
            async with opened() as journal:
                seen.append(Contents(await journal.status(), await journal.newest_version()))
        except NoJournal as reason:
            return skipped(str(reason))
        return findings.journal_of(seen[0].status)

    async def judged(judge: Callable[[JournalStatus], CheckOutcome]) -> CheckOutcome:
        return judge(seen[0].status)

    async def versions() -> CheckOutcome:
        return clocks.versions_of(seen[0].newest_version, subject.now)

    at = subject.at
    return [
        Check(at, readable, LOOK_AT, needs),
        *(Check(f"{at}.{part}", partial(judged, judge), LOOK_AT, (at,)) for part, judge in _COUNTS.items()),
        Check(f"{at}.versions", versions, LOOK_AT, (at,)),
    ]
