"""The introductions of stores: who answers under each name."""

import asyncio
from collections.abc import Mapping

from providers.chain.errors import OrderRefused
from providers.errors import Unavailable
from providers.introduction import Introduction
from providers.replica import Replica

PROBE_SECONDS = 3.0  # for the introduction of a store

# At a start, after another store has answered: who hangs is asked again in the background, and until then the others
# serve, whose callers should not have to wait for it.
PATIENCE_AT_START = 1.0


async def introductions_of(
    stores: Mapping[str, Replica], unreached: dict[str, str], others: float = PROBE_SECONDS
) -> dict[str, Introduction | None]:
    """Return what each store tells about itself now; it may be another store than when it was opened.

    After the first answer the other stores have `others` seconds. `unreached` receives the reason why a store has not
    answered.
    """
    asked = {
        asyncio.create_task(introduction_of(name, store, unreached), name=f"introduction of {name}"): name
        for name, store in stores.items()
    }
    waiting: set[asyncio.Task[Introduction | None]] = set(asked)
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


async def introduction_of(
    name: str, store: Replica, unreached: dict[str, str], seconds: float = PROBE_SECONDS
) -> Introduction | None:
    """Return what one store tells about itself, None if it does not answer in time; see `introductions_of`."""
    try:
        async with asyncio.timeout(seconds):
            return await store.introduce()
    except Unavailable as error:
        unreached[name] = error.reason
    except TimeoutError:
        unreached[name] = f"no answer within {seconds:g} s"
    return None


def refuse_twins(introductions: Mapping[str, Introduction | None]) -> None:
    """Refuse two providers with one store: each would take the other's copy for its own.

    Raises:
        OrderRefused: two providers have the same identity.
    """
    seen: dict[str, str] = {}
    for name, introduction in introductions.items():
        if introduction is None:
            continue
        if introduction.identity in seen:
            raise OrderRefused(f"{seen[introduction.identity]} and {name} are one and the same store")
        seen[introduction.identity] = name


async def holds(store: Replica) -> bool:
    """Return whether a store holds anything; one that cannot say so holds a great deal."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return bool(await store.owners(1))
    except (Unavailable, TimeoutError):
        return True
