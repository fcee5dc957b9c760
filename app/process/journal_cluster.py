"""The check that the journal does not share a PostgreSQL cluster with a provider, because both would fail together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from app.process.host import offline_host
from app.settings import Settings
from providers import background
from providers.errors import Unavailable
from providers.examination.check import FailureDomain

_AGAIN_SECONDS = 30.0
_SHARED = (
    "journal and provider are in one PostgreSQL cluster: when it is down, writes are refused, not accepted for later;"
    " give the journal a cluster of its own"
)

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def watching_journal_cluster(settings: Settings) -> AsyncIterator[None]:
    """Check in the background, and log a warning."""
    async with background.running(background.start_once(warn_of_shared_clusters(settings), "journal place")):
        yield


async def warn_of_shared_clusters(settings: Settings, again: float = _AGAIN_SECONDS) -> None:
    """Compare the journal's failure domain with that of every provider, as soon as both can be asked.

    `again`: seconds until a provider that did not answer is asked again.
    """
    ours = settings.journal.failure_domain()
    if ours is None:
        return
    waiting = failure_domains(settings)
    while waiting:
        waiting = {name: theirs for name, theirs in waiting.items() if not await _compared(ours, theirs, name)}
        if waiting:
            await asyncio.sleep(again)


def failure_domains(settings: Settings) -> dict[str, FailureDomain]:
    """Return what asks for the failure domains of the providers in the order, of those that have one."""
    hosts = {name: offline_host(name, settings.data_dir) for name in settings.order}
    asked = {name: settings.providers[name].failure_domain(host) for name, host in hosts.items()}
    return {name: question for name, question in asked.items() if question is not None}


async def _compared(ask_journal: FailureDomain, ask_provider: FailureDomain, name: str) -> bool:
    try:
        ours, theirs = await ask_journal(), await ask_provider()
    except Unavailable as error:
        _log.debug("journal_place_unknown", provider=name, reason=error.reason)
        return False
    if ours is not None and ours == theirs:
        _log.warning("journal_shares_cluster", provider=name, reason=_SHARED)
    return True
