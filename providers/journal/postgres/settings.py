"""The settings of the journal in PostgreSQL, and its opening."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Annotated, Literal, Self

from msgspec import Meta, structs

from observability.secret import Secret
from providers.errors import Unavailable
from providers.examination.check import Check, FailureDomain, JournalSubject
from providers.host import Host
from providers.journal.base import Journal, JournalUnavailable, NoJournal
from providers.journal.kind import JournalKind
from providers.postgres.dsn import normalised_dsn


class PostgresJournalSettings(JournalKind, frozen=True, kw_only=True, tag_field="kind", tag="postgres"):
    """A database that all hosts reach. Choose it for several hosts."""

    dsn: Secret
    """The database of the journal, as a URL, in another cluster than home's. Change it with care: a journal that is
    left behind keeps what it promised.
    """
    pool_size: Annotated[int, Meta(ge=1, le=200)] = 5
    """The connections of each process, besides one that listens. Raise it where `ninai_database_waiting` shows that
    writes wait for one.
    """
    timeout: Annotated[float, Meta(gt=0, le=600)] = 5.0
    """The seconds for one operation, shorter than the deadline of a write. Raise it for a distant database."""
    pooler: Literal["none", "pgbouncer"] = "none"
    """What stands in front of the database. Set it to `pgbouncer` where connections come from a transaction pooler."""

    @property
    def through_pooler(self) -> bool:
        """Whether connections keep to what a transaction pooler allows."""
        return self.pooler == "pgbouncer"

    def normalised(self) -> Self:
        """See `JournalKind`."""
        return structs.replace(self, dsn=normalised_dsn(self.dsn))

    def failure_domain(self) -> FailureDomain:
        """Ask for the identifier of the PostgreSQL cluster."""
        from providers.postgres.inspection import cluster_of

        return partial(cluster_of, self.dsn.reveal(), through_pooler=self.through_pooler)

    def checks(self, subject: JournalSubject) -> Sequence[Check]:
        """See `JournalKind`."""
        from providers.journal.postgres.examination import database_checks
        from providers.postgres.inspection import Address

        address = Address(dsn=self.dsn, through_pooler=self.through_pooler)
        contents = self.contents_checks(subject, (f"{subject.at}.database",))
        return [*database_checks(subject, address), *contents]

    @asynccontextmanager
    async def opened_to_look(self, host: Host, *, alone: bool) -> AsyncIterator[Journal]:  # noqa: ARG002 - as its base
        """See `JournalKind`; the tables are not made to look at them."""
        from providers.journal.postgres.examination import has_journal
        from providers.postgres.inspection import Address

        try:
            made = await has_journal(Address(dsn=self.dsn, through_pooler=self.through_pooler))
        except Unavailable as error:
            raise JournalUnavailable(f"the journal: {error.reason}") from error
        if not made:
            raise NoJournal("there is no journal yet: the service makes its tables when it starts")
        async with self.open(host) as journal:
            yield journal

    def open(self, host: Host) -> AbstractAsyncContextManager[Journal]:
        """Hold a lazy pool for as long as the context lasts; the database may be down meanwhile."""
        from providers.journal.postgres.opening import open_journal

        return open_journal(
            self.dsn.reveal(), host, pool_size=self.pool_size, seconds=self.timeout, through_pooler=self.through_pooler
        )
