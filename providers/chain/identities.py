"""The identities of the stores in an order, read before the order is put in force."""

import asyncio
from collections.abc import Mapping

from providers.chain.errors import OrderRefused
from providers.errors import Unavailable
from providers.replica import Replica

PROBE_SECONDS = 3.0  # for the identity of a provider that is opened

# At a start, after another store has answered: who hangs is asked again in the background, and until then the others
# serve, whose callers should not have to wait for it.
PATIENCE_AT_START = 1.0


async def identities_of(
    providers: Mapping[str, Replica], unreached: dict[str, str], others: float = PROBE_SECONDS
) -> dict[str, str | None]:
    """Return the identity of each store now; it may be another store than when it was opened.

    After the first answer the other stores have `others` seconds. `unreached` receives the reason why a provider has
    not answered.
    """
    asked = {
        asyncio.create_task(identity_of(name, provider, unreached), name=f"identity of {name}"): name
        for name, provider in providers.items()
    }
    waiting: set[asyncio.Task[str | None]] = set(asked)
    try:
        while waiting and not any(task.result() for task in asked if task.done()):
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if waiting:
            _, waiting = await asyncio.wait(waiting, timeout=others)
    finally:
        for task in waiting:
            task.cancel()
    for task in waiting:
        unreached[asked[task]] = f"no answer within {others:g} s after another one's"
    return {name: None if task in waiting else task.result() for task, name in asked.items()}


async def identity_of(name: str, provider: Replica, unreached: dict[str, str]) -> str | None:
    """Return the identity of one store, None if it does not answer; see `identities_of`."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await provider.identity()
    except Unavailable as error:
        unreached[name] = error.reason
    except TimeoutError:
        unreached[name] = f"no answer within {PROBE_SECONDS:g} s"
    return None


def refuse_twins(identities: Mapping[str, str | None]) -> None:
    """Refuse two providers with one store: each would take the other's copy for its own.

    Raises:
        OrderRefused: two providers have the same identity.
    """
    seen: dict[str, str] = {}
    for name, identity in identities.items():
        if identity is not None and identity in seen:
            raise OrderRefused(f"{seen[identity]} and {name} are one and the same store")
        if identity is not None:
            seen[identity] = name
