"""What a store holds that has expired: by its index, or by a walk through all that it holds."""

from collections.abc import AsyncGenerator
from datetime import datetime

from providers.chain.comparing.store import PAGE, ComparedStore
from providers.errors import Unsupported
from providers.expiry import has_expired
from providers.types import Snapshot


async def expired_in(store: ComparedStore, before: datetime) -> AsyncGenerator[list[Snapshot], None]:
    """Yield pages of states that had expired before a moment; none of them is empty.

    Raises:
        Unavailable: the store does not answer.
    """
    after: Snapshot | None = None
    try:
        while page := await store.expired(before, after):
            yield page
            if len(page) < PAGE:
                return
            after = page[-1]
    except Unsupported:
        async for owner in store.owners():
            async for states in store.pages(owner):
                if found := [state for state in states if has_expired(state, before)]:
                    yield found
