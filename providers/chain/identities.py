"""The identities of the stores in an order, read before the order is put in force."""

import asyncio
from collections.abc import Mapping

from providers.chain.errors import OrderRefused
from providers.errors import Unavailable
from providers.replica import Replica

PROBE_SECONDS = 3.0  # for the identity of a provider that is opened


async def identities_of(providers: Mapping[str, Replica], unreached: dict[str, str]) -> dict[str, str | None]:
    """Return the identity of each store now; it may be another store than when it was opened.

    `unreached` receives the reason why a provider has not answered.
    """
    found = await asyncio.gather(*(identity_of(name, provider, unreached) for name, provider in providers.items()))
    return dict(zip(providers, found, strict=True))


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
