"""The comparison of histories: which superseded versions some stores keep and others lack, and putting them there."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing

import structlog
from msgspec import Struct

from providers.chain.comparing.aligning import aligned
from providers.chain.comparing.store import ComparedStore
from providers.errors import MemoryDeleted, ProviderError
from providers.histories import VersionPlace
from providers.owners import Owner
from providers.summaries import OwnerSummary
from providers.types import Snapshot

_log = structlog.get_logger(__name__)


class VersionGap(Struct, frozen=True):
    """A superseded version, and the stores that lack it although they keep history."""

    version: Snapshot
    lacking: tuple[str, ...]


def keepers(stores: Sequence[ComparedStore]) -> list[ComparedStore]:
    """Return the stores that keep history."""
    return [store for store in stores if store.link.provider.keeps_history]


def histories_differ(stores: Sequence[ComparedStore], summaries: Mapping[str, OwnerSummary | None]) -> bool:
    """Return whether the digests of an owner's superseded versions differ among the stores that keep any."""
    found = [summaries.get(store.name) for store in keepers(stores)]
    return len({0 if summary is None else summary.history for summary in found}) > 1


async def gaps(
    stores: Sequence[ComparedStore], owner: Owner, after: VersionPlace | None = None
) -> AsyncGenerator[VersionGap, None]:
    """Yield each superseded version of an owner behind a place that one of the stores keeps and another lacks."""
    streams = {store.name: store.versions(owner, after) for store in keepers(stores)}
    async with aclosing(aligned(streams, lambda state: f"{state.id}/{state.version:020}")) as rows:
        async for _, held in rows:
            lacking = tuple(name for name, state in held.items() if state is None)
            if lacking:
                yield VersionGap(next(state for state in held.values() if state is not None), lacking)


async def fill_gaps(stores: Mapping[str, ComparedStore], found: Collection[VersionGap]) -> int:
    """Put versions into those of the stores that lack them, and return how many were put.

    That commutes with every delivery, and a store in which the memory was deleted takes none. What a store refuses is
    left out: no read misses it but that of the history there.

    Raises:
        Unavailable: a store does not answer.
    """
    put = 0
    for name, store in stores.items():
        versions = [gap.version for gap in found if name in gap.lacking]
        outcomes: list[ProviderError | None] = await store.put_versions(versions) if versions else []
        put += sum(outcome is None for outcome in outcomes)
        for version, outcome in zip(versions, outcomes, strict=True):
            if outcome is not None and not isinstance(outcome, MemoryDeleted):
                _log.warning("version_refused", provider=name, memory_id=version.id, outcome=outcome.outcome)
    return put
