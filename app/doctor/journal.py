"""What the checks of the journal come to, one function for each."""

from msgspec import Struct

from app.admin.offline import NoJournal, opened_journal
from app.doctor.database import Address
from app.doctor.durations import span
from app.doctor.finding import CheckOutcome, ok, skipped, warning
from app.settings import Settings
from providers.journal.operations import JournalStatus
from providers.journal.postgres.cluster import cluster_of
from providers.journal.postgres.settings import PostgresJournalSettings

# A deliverer tries again within a minute; what waits longer waits for somebody to act.
LONGEST_PENDING_SECONDS = 300.0


def address_of(journal: PostgresJournalSettings) -> Address:
    """Return the database of a journal."""
    return Address(dsn=journal.dsn, through_pooler=journal.pooler == "pgbouncer")


class Contents(Struct, frozen=True):
    """What a journal holds, in numbers, and the greatest version in it."""

    status: JournalStatus
    newest_version: int


async def contents_of(settings: Settings) -> Contents | CheckOutcome:
    """Look at what the journal holds; where there is none, none is made, and the outcome says so.

    Raises:
        Unavailable: it cannot be read.
    """
    journal = settings.journal
    if isinstance(journal, PostgresJournalSettings) and not await address_of(journal).has_journal():
        return skipped("there is no journal yet: the service makes its tables when it starts")
    try:
        async with opened_journal(settings) as opened:
            return Contents(await opened.status(), await opened.newest_version())
    except NoJournal as reason:
        return skipped(str(reason))


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


async def place_of(journal: Address, providers: dict[str, Address]) -> CheckOutcome:
    """Return whether the journal lives apart from these providers; only those that can be asked are among them."""
    ours = await _cluster(journal)
    if ours is None:
        return skipped("the server of the journal does not tell which cluster it is")
    shared = [name for name, address in providers.items() if await _cluster(address) == ours]
    if shared:
        return warning(
            f"in one PostgreSQL cluster with {', '.join(shared)}: when it is down, writes are refused",
            "give the journal a cluster of its own",
        )
    return ok(f"apart from {', '.join(providers)}" if providers else "no provider's database could be compared")


async def _cluster(address: Address) -> str | None:
    return await cluster_of(address.dsn.reveal(), through_pooler=address.through_pooler)
