"""The checks of the database of a journal in their order, and of where it lives."""

from collections.abc import Iterator, Mapping

from providers.examination.check import Check, JournalSubject
from providers.examination.outcome import CheckOutcome, ok, skipped, warning
from providers.journal.examination import LOOK_AT
from providers.postgres.examination import ExaminedDatabase
from providers.postgres.inspection import Address, cluster_of

_JOURNAL_EXISTS = "SELECT to_regclass('ninai_journal') IS NOT NULL"


def database_checks(subject: JournalSubject, address: Address) -> Iterator[Check]:
    """Yield them; the first is `journal.database`, which all others need."""

    async def place() -> CheckOutcome:
        ours = await cluster_of(address.dsn.reveal(), through_pooler=address.through_pooler)
        if ours is None:
            return skipped("the server of the journal does not tell which cluster it is")
        return place_of(ours, await subject.failure_domains())

    database = ExaminedDatabase(subject, lambda: address, LOOK_AT)
    yield from database.checks()
    yield Check(f"{subject.at}.place", place, LOOK_AT, (database.check,))


def place_of(ours: str, theirs: Mapping[str, str | None]) -> CheckOutcome:
    """Return whether the journal lives apart from these providers; only those that can be asked are among them."""
    shared = [name for name, cluster in theirs.items() if cluster == ours]
    if shared:
        return warning(
            f"in one PostgreSQL cluster with {', '.join(shared)}: when it is down, writes are refused",
            "give the journal a cluster of its own",
        )
    return ok(f"apart from {', '.join(theirs)}" if theirs else "no provider's database could be compared")


async def has_journal(address: Address) -> bool:
    """Return whether the journal's tables are there.

    Raises:
        Unavailable: the database does not answer.
    """
    [[exists]] = await address.rows(_JOURNAL_EXISTS)
    return bool(exists)
