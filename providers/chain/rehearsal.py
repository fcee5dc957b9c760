"""A rehearsal of an order: find out whether it could be put in force, without starting any of its work."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress

from providers.chain.identities import PROBE_SECONDS, refuse_twins
from providers.chain.in_sync import refuse_empty
from providers.chain.opening import JournalSpec, ProviderSpec
from providers.errors import Unavailable
from providers.journal.base import JournalUnavailable
from providers.replica import Replica


async def rehearse(choice: JournalSpec, parts: Sequence[ProviderSpec]) -> None:
    """Open the journal and the providers, read their identities, and close them again; see `Chain.switch`.

    A provider that does not answer is no reason against an order; one that cannot be opened at all is.

    Raises:
        OrderRefused: the order could not be put in force.
        Unavailable: the journal or a provider cannot be opened.
    """
    async with AsyncExitStack() as stack:
        journal = None if choice.opened is None else await stack.enter_async_context(choice.opened())
        providers = [await stack.enter_async_context(part.opened()) for part in parts]
        found = await asyncio.gather(*map(_identity, providers))
        identities = dict(zip((part.name for part in parts), found, strict=True))
        refuse_twins(identities)
        if journal is not None:
            with suppress(JournalUnavailable):
                refuse_empty(identities, await journal.members())


async def _identity(provider: Replica) -> str | None:
    with suppress(Unavailable, TimeoutError):
        async with asyncio.timeout(PROBE_SECONDS):
            return await provider.identity()
    return None
