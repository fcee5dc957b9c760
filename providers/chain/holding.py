"""How much owners hold, as the first provider that answers counts it; what only waits in the journal is not counted."""

import time
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec import Struct

from providers.chain.deadline import CallOptions, Deadline
from providers.chain.link import Link
from providers.chain.owners import counted_page, first_answer
from providers.chain.policy import OperationClass
from providers.chain.route import Route
from providers.holdings import Holdings, OwnerHoldings
from providers.owners import Owner


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
    async def holdings(wanted: int, last: Owner | None, deadline: Deadline) -> list[OwnerHoldings]:
        ask = CallOptions(deadline)
        return await link.call(
            lambda provider: provider.holdings(wanted, after=last), OperationClass.READ, ask, size=wanted
        )

    return HoldingsPage(link.name, *await counted_page(link, limit, after, now, holdings))
