"""The choice of the stores that an operator compares or merges, which must be those that the journal knows."""

import time
from collections.abc import Callable, Collection, Sequence

from providers.chain.comparing.pages import StorePages
from providers.chain.comparing.store import ComparedStore
from providers.chain.link import Link
from providers.errors import ProviderError
from providers.journal.base import Journal


class AnotherStore(ProviderError):
    """The store behind a name is not the one that the journal knows by this name."""

    outcome = "another_store"


async def to_compare(
    journal: Journal, links: Sequence[Link], names: Collection[str], now: Callable[[], float] = time.monotonic
) -> StorePages:
    """Return the stores of these names, to be compared.

    Raises:
        AnotherStore: one of them is another store than the journal knows.
        Unavailable: one of them, or the journal, does not answer.
    """
    return await _chosen(journal, [link for link in links if link.name in names], names, now)


async def to_merge(
    journal: Journal,
    links: Sequence[Link],
    name: str,
    complete: Collection[str],
    now: Callable[[], float] = time.monotonic,
) -> StorePages:
    """Return all stores of an order, to bring one of them and the complete ones to the same state.

    All must answer, since each of them may know of a deletion. If no other store is complete, all are merged.

    Raises:
        AnotherStore: one of them is another store than the journal knows.
        Unavailable: one of them, or the journal, does not answer.
    """
    others = set(complete) - {name} or {link.name for link in links}
    return await _chosen(journal, links, others | {name}, now)


async def _chosen(
    journal: Journal, links: Sequence[Link], members: Collection[str], now: Callable[[], float]
) -> StorePages:
    stores = [ComparedStore(link, now) for link in links]
    known = {member.name: member.identity for member in await journal.members()}
    for store in stores:
        if known.get(store.name) not in {None, await store.identity()}:
            raise AnotherStore(f"{store.name} is another store than the journal knows by that name")
    return StorePages(journal, stores, frozenset(members), now)
