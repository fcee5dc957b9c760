"""How much owners hold, as the first provider that answers counts it; what only waits in the journal is not counted."""

import time
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec import Struct

from providers.chain.deadline import CallOptions, Deadline
from providers.chain.link import Link
from providers.chain.owners import first_answer
from providers.chain.policy import OperationClass
from providers.chain.route import Route
from providers.errors import Unavailable
from providers.holdings import Holdings, OwnerHoldings
from providers.owners import Owner

# In one call: where a store counts nothing itself, each one costs it two listings.
AT_ONCE = 20


class HoldingsPage(Struct, frozen=True):
    """Owners by code point with what they hold, as `provider` counts; `ended` is true if there are no others behind."""

    provider: str
    owners: list[OwnerHoldings]
    ended: bool


def holdings_of(route: Route, owner: Owner, now: Callable[[], float] = time.monotonic) -> Coroutine[Any, Any, Holdings]:
    """Return what one owner holds.

    Raises:
        Unavailable: no provider that has received everything answers.
    """

    async def ask(link: Link) -> Holdings:
        deadline = Deadline.after(link.attempts.seconds(OperationClass.READ), now)
        return await link.call(lambda provider: provider.holdings_of(owner), OperationClass.READ, CallOptions(deadline))

    return first_answer(route, ask)


def holdings_page(
    route: Route, limit: int, after: Owner | None, now: Callable[[], float] = time.monotonic
) -> Coroutine[Any, Any, HoldingsPage]:
    """Return up to `limit` owners that are greater than `after`; fewer if counting takes long.

    Raises:
        Unavailable: no provider that has received everything answers.
    """
    return first_answer(route, lambda link: _page(link, limit, after, now))


async def _page(link: Link, limit: int, after: Owner | None, now: Callable[[], float]) -> HoldingsPage:
    deadline = Deadline.after(link.attempts.seconds(OperationClass.READ), now)
    owners: list[OwnerHoldings] = []
    while len(owners) < limit:
        wanted, last = min(AT_ONCE, limit - len(owners)), owners[-1].owner if owners else after
        try:
            some = await _counted(link, wanted, last, deadline)
        except Unavailable:
            if not owners:
                raise
            break  # these are a page; the next one begins with what takes so long
        owners += some
        if len(some) < wanted:
            return HoldingsPage(link.name, owners, ended=True)
    return HoldingsPage(link.name, owners, ended=False)


async def _counted(link: Link, wanted: int, last: Owner | None, deadline: Deadline) -> list[OwnerHoldings]:
    return await link.call(
        lambda provider: provider.holdings(wanted, after=last),
        OperationClass.READ,
        CallOptions(deadline),
        size=wanted,
    )
