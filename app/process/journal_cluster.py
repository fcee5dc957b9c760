"""The check that the journal does not share a PostgreSQL cluster with a provider, because both would fail together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from app.settings import Settings
from providers import background
from providers.errors import Unavailable
from providers.journal.postgres.cluster import cluster_of
from providers.journal.postgres.settings import PostgresJournalSettings
from providers.native.settings import NativeSettings

_AGAIN_SECONDS = 30.0

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def watching_journal_cluster(settings: Settings) -> AsyncIterator[None]:
    """Check in the background, and log a warning."""
    task = background.start_once(warn_of_shared_clusters(settings), "journal place")
    try:
        yield
    finally:
        await background.stop(task)


async def warn_of_shared_clusters(settings: Settings, again: float = _AGAIN_SECONDS) -> None:
    """Compare the journal's cluster with that of every native provider, as soon as both answer.

    `again`: seconds until a server that did not answer is asked again.
    """
    if not isinstance(settings.journal, PostgresJournalSettings):
        return
    waiting = [name for name in settings.order if isinstance(settings.providers[name], NativeSettings)]
    while waiting:
        waiting = [name for name in waiting if not await _compared(settings, settings.journal, name)]
        if waiting:
            await asyncio.sleep(again)


async def _compared(settings: Settings, journal: PostgresJournalSettings, name: str) -> bool:
    provider = settings.providers[name]
    if not isinstance(provider, NativeSettings):
        return True
    try:
        ours = await cluster_of(journal.dsn.reveal(), through_pooler=journal.pooler == "pgbouncer")
        theirs = await cluster_of(provider.dsn_of(name, settings.data_dir), through_pooler=provider.through_pooler)
    except Unavailable as error:
        _log.debug("journal_place_unknown", provider=name, reason=error.reason)
        return False
    if ours is not None and ours == theirs:
        _log.warning(
            "journal_shares_cluster",
            provider=name,
            reason="journal and provider are in one PostgreSQL cluster: when it is down, writes are refused, not"
            " accepted for later; give the journal a cluster of its own",
        )
    return True
