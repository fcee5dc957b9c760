"""The settings of the journal in PostgreSQL, and its opening."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Literal

from msgspec import Meta, Struct

from observability.secret import Secret
from providers.journal.base import Journal
from providers.types import Host


class PostgresJournalSettings(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="postgres"
):
    """A database that all hosts reach.

    `pool_size` is the number of connections per worker process, besides one that listens. `timeout` is seconds for one
    operation, and should be shorter than the deadline of a write. `pooler = "pgbouncer"` restricts the journal to what
    a transaction pooler allows: appends of other hosts are then found by polling.
    """

    dsn: Secret
    pool_size: Annotated[int, Meta(ge=1, le=200)] = 5
    timeout: Annotated[float, Meta(gt=0, le=600)] = 5.0
    pooler: Literal["none", "pgbouncer"] = "none"

    @asynccontextmanager
    async def open(self, host: Host) -> AsyncIterator[Journal]:
        """Hold a lazy pool for as long as the context lasts; the database may be down meanwhile."""
        from providers.journal.postgres.opening import open_journal

        async with open_journal(
            self.dsn.reveal(),
            host,
            pool_size=self.pool_size,
            seconds=self.timeout,
            through_pooler=self.pooler == "pgbouncer",
        ) as journal:
            yield journal
