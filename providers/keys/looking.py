"""The look for what a key names."""

from contextlib import suppress

from providers.answers import PARTIAL, WITHOUT_JOURNAL, Fetched, Found
from providers.base import MemoryProvider
from providers.errors import KeyNotFound, ProviderError, Unavailable
from providers.expiry import BEGINNING
from providers.keys.choosing import OfKey, chosen
from providers.limits import check_key
from providers.looks import looking
from providers.owners import Owner
from providers.states.clock import Milliseconds, moment_of, wall_clock_ms
from providers.types import Deletion, PageQuery

# More than writers at one moment will ever leave under one key; what is left over is found by the next look.
MAX_OF_KEY = 100


class UnknownToStores(Unavailable):
    """What a key names may be known to a journal alone, which does not answer."""

    outcome = WITHOUT_JOURNAL


async def look(provider: MemoryProvider, owner: Owner, key: str, now_ms: Milliseconds = wall_clock_ms) -> OfKey:
    """Return the memories of a key, of which the current one may have expired by the caller's clock.

    What a chain says without its journal is no ground for a write: what was put last may be in the journal alone.

    Raises:
        Unavailable: it is unknown what the key names.
    """
    with looking():
        page = await _listed(provider, owner, key)
    if WITHOUT_JOURNAL in page.degraded:
        raise UnknownToStores(f"what was put under the key {key!r} last may be known to the journal alone")
    return chosen(page.memories, moment_of(now_ms))


async def fetch(provider: MemoryProvider, owner: Owner, key: str, now_ms: Milliseconds = wall_clock_ms) -> Fetched:
    """Return the memory that a key names; what it supersedes is deleted on the way.

    Raises:
        KeyNotFound: no memory has the key, or it has expired.
        Unavailable: it is unknown what the key names.
    """
    check_key(key)
    page = await _listed(provider, owner, key)
    found = chosen(page.memories, moment_of(now_ms))
    if found.current is None:
        raise KeyNotFound(key)
    with suppress(ProviderError):  # the next look does it
        await delete_superseded(provider, found)
    return Fetched(memory=found.current, provider=page.provider, degraded=page.degraded, eventual=page.eventual)


async def free(provider: MemoryProvider, found: OfKey) -> None:
    """Delete what has expired under a key, for another memory that takes the key over and is not to be superseded.

    Raises:
        ProviderError: it may be there still.
    """
    if found.expired is not None:
        await delete_superseded(provider, found)  # before the last one, after which they would show again
        await provider.erase(Deletion(owner=found.expired.owner, memory_id=found.expired.id))


async def delete_superseded(provider: MemoryProvider, found: OfKey) -> None:
    """Delete what the current memory of a key supersedes, and still does at a second look.

    A first look that began before the current one was deleted may have met what was put after that by a slower clock.

    Raises:
        ProviderError: some may be left.
    """
    if not found.superseded:
        return
    owner, key = found.superseded[0].owner, found.superseded[0].key or ""
    still = {record.id for record in (await look(provider, owner, key)).superseded}
    deletions = [Deletion(owner=owner, memory_id=record.id) for record in found.superseded if record.id in still]
    for outcome in await provider.erase_many(deletions) if deletions else ():
        if isinstance(outcome, ProviderError):
            raise outcome


async def _listed(provider: MemoryProvider, owner: Owner, key: str) -> Found:
    page = await provider.page(PageQuery(owner=owner, key=key, limit=MAX_OF_KEY, now=BEGINNING))
    if not page.memories and PARTIAL in page.degraded:
        raise Unavailable("the provider cannot list all memories of this user")
    return page
