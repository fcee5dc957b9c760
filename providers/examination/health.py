"""The check of a provider's health: it opens, is healthy, and can be read."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from uuid import uuid4

from providers.examination.check import Check
from providers.examination.outcome import CheckOutcome, error, ok
from providers.replica import Replica

Opened = Callable[[], AbstractAsyncContextManager[Replica]]


def health_check(opened: Opened, at: str, advice: str, needs: tuple[str, ...] = ()) -> Check:
    """Return the check of a provider's health; opening it must change nothing."""
    return Check(f"{at}.health", partial(_health_of, opened, advice), advice, needs)


async def _health_of(opened: Opened, advice: str) -> CheckOutcome:
    """Open the provider, and check its health.

    Raises:
        ProviderError: it cannot be read, or not with these credentials.
    """
    async with opened() as provider:
        health = await provider.health_check()
        if not health.healthy:
            return error(health.error or "it says no more", advice)
        # Some tell anybody that they are well: whether they let us in, only a question shows. It would make the store
        # that is not there yet.
        if health.begun:
            await provider.list_memories(f"ninai-doctor-{uuid4()}", 1)
    return ok(", ".join(["healthy", *health.details]))
