"""Erasing again what a store has got back: one that was restored from a backup, or that is new in the order."""

import structlog
from msgspec import Struct

from providers.chain.erasing.sampling import asked
from providers.chain.erasing.store import purged
from providers.chain.link import Link
from providers.erasure.fences import NEVER_ERASED, Fence, FenceList
from providers.erasure.records import ErasureRecords
from providers.errors import Unsupported
from providers.owners import Owner
from providers.replica import MAX_OWNERS, MAX_SNAPSHOTS

_log = structlog.get_logger(__name__)


class Replay(Struct, frozen=True, kw_only=True):
    """What a replay found in one store: owners who had been erased and were there again, and their states."""

    provider: str
    fences: int
    owners: int = 0
    states: int = 0


async def learn(link: Link, records: ErasureRecords, fences: FenceList) -> bool:
    """Compare the list of a store with ours, and take over what only the store knows; return whether it lacks some.

    Raises:
        Unavailable: the store or the journal does not answer.
    """
    if not link.provider.keeps_fences:
        return bool(fences)
    told = FenceList()
    after: str | None = None
    while True:
        place = after
        page = await asked(link, lambda provider: provider.fences(MAX_SNAPSHOTS, after=place), MAX_SNAPSHOTS)  # noqa: B023 - awaited before the next turn
        told.add(page)
        if len(page) < MAX_SNAPSHOTS:
            break
        after = page[-1].hash
    ours = {(fence.key, fence.hash): fence.version for fence in fences.all()}
    theirs = {(fence.key, fence.hash): fence.version for fence in told.all()}
    new = [fence for fence in told.all() if fence.version > ours.get((fence.key, fence.hash), 0)]
    if new:
        await records.add_fences(new)
        fences.add(new)
        _log.info("fences_learned", provider=link.name, fences=len(new))
    return any(version > theirs.get(name, 0) for name, version in ours.items())


async def replay(link: Link, fences: FenceList) -> Replay:
    """Give a store all fences, and remove from it whatever is not above them.

    Raises:
        Unavailable: the store does not answer.
    """
    every = fences.all()
    for begin in range(0, len(every), MAX_SNAPSHOTS):
        part: list[Fence] = every[begin : begin + MAX_SNAPSHOTS]
        await asked(link, lambda provider: provider.put_fences(part), MAX_SNAPSHOTS)  # noqa: B023 - awaited before the next turn
    found = states = 0
    after: Owner | None = None
    while every:
        last = after
        page = await asked(link, lambda provider: provider.owners(MAX_OWNERS, after=last), MAX_OWNERS)  # noqa: B023 - awaited before the next turn
        for owner in page:
            version = fences.version_of(owner)
            if version != NEVER_ERASED and (count := await _purged(link, owner, version)):
                found, states = found + 1, states + count
        if len(page) < MAX_OWNERS:
            break
        after = page[-1]
    if found:
        _log.warning("erasures_replayed", provider=link.name, users=found, states=states)
    return Replay(provider=link.name, fences=len(every), owners=found, states=states)


async def _purged(link: Link, owner: Owner, version: int) -> int:
    try:
        return await purged(link, owner, version)
    except Unsupported:
        return 0
