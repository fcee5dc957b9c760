"""The settings of the journal in PostgreSQL, and its opening."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Annotated, Literal, Self

from msgspec import Meta, structs

from observability.secret import Secret
from providers.examination.check import Check, FailureDomain, JournalSubject
from providers.journal.base import Journal, NoJournal
from providers.journal.kind import JournalKind
from providers.postgres.dsn import normalised_dsn
from providers.types import Host


class PostgresJournalSettings(JournalKind, frozen=True, kw_only=True, tag_field="kind", tag="postgres"):
    """A database that all hosts reach.

    `pool_size` is the number of connections per worker process, besides one that listens. `timeout` is seconds for one
    operation, and should be shorter than the deadline of a write. `pooler = "pgbouncer"` restricts the journal to what
    a transaction pooler allows: appends of other hosts are then found by polling.
    """

    dsn: Secret
    pool_size: Annotated[int, Meta(ge=1, le=200)] = 5
    timeout: Annotated[float, Meta(gt=0, le=600)] = 5.0
    pooler: Literal["none", "pgbouncer"] = "none"

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
        """See `JournalKind`; the tables are not made to look at them."""
        from providers.journal.examination import contents_checks
        from providers.journal.postgres.examination import database_checks, has_journal
        from providers.postgres.inspection import Address

        address = Address(dsn=self.dsn, through_pooler=self.through_pooler)

        @asynccontextmanager
        async def opened() -> AsyncIterator[Journal]:
            if not await has_journal(address):
                raise NoJournal("there is no journal yet: the service makes its tables when it starts")
            async with self.open(subject.host) as journal:
                yield journal

        return [*database_checks(subject, address), *contents_checks(subject, opened, (f"{subject.at}.database",))]

    def open(self, host: Host) -> AbstractAsyncContextManager[Journal]:
        """Hold a lazy pool for as long as the context lasts; the database may be down meanwhile."""
        from providers.journal.postgres.opening import open_journal

        return open_journal(
            self.dsn.reveal(), host, pool_size=self.pool_size, seconds=self.timeout, through_pooler=self.through_pooler
        )
