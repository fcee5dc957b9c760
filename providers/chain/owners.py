"""A page of the owners of memories, with how many each has, as the first provider that answers holds them."""

import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from msgspec import Struct

from providers.chain.deadline import CallOptions, Deadline
from providers.chain.errors import NoTimeLeft
from providers.chain.link import Link
from providers.chain.policy import OperationClass
from providers.chain.route import NobodyInSync, Route
from providers.errors import Unavailable
from providers.owners import Owner
from providers.summaries import OwnerSummary

# In one call: where a store counts nothing itself, each one costs it two listings.
AT_ONCE = 20

Answer = TypeVar("Answer")


class CountedOwner(Protocol):
    """What is counted of one owner."""

    @property
    def owner(self) -> Owner:
        """The owner."""
        ...


Counted = TypeVar("Counted", bound=CountedOwner)
Count = Callable[[int, Owner | None, Deadline], Awaitable[list[Counted]]]  # so many, those behind an owner, until then


class OwnersPage(Struct, frozen=True):
    """Owners by code point, as `provider` holds them; `ended` is true if there are no others behind them."""

    provider: str
    owners: list[OwnerSummary]
    ended: bool


async def owners_page(
    route: Route, limit: int, after: Owner | None, now: Callable[[], float] = time.monotonic
) -> OwnersPage:
    """Return up to `limit` owners that are greater than `after`; fewer if counting takes long.

    What waits in the journal for the provider is not counted.

    Raises:
        Unavailable: no provider that has received everything answers.
    """
    return await first_answer(route, lambda link: _page(link, limit, after, now))


async def first_answer(route: Route, ask: Callable[[Link], Awaitable[Answer]]) -> Answer:
    """Return the answer of the first provider that may answer, and does.

    Raises:
        Unavailable: no provider that has received everything answers.
    """
    trouble: Unavailable = NobodyInSync("no provider has received everything")
    for link in route.readers:
        try:
            return await ask(link)
        except Unavailable as error:
            trouble = error
    raise trouble


async def counted_page(
    link: Link, limit: int, after: Owner | None, now: Callable[[], float], count: Count[Counted]
) -> tuple[list[Counted], bool]:
    """Return up to `limit` owners that are greater than `after`, and whether there are no others; fewer if time ends.

    Raises:
        Unavailable: the provider has not even counted the first ones.
    """
    deadline = Deadline.after(link.attempts.seconds(OperationClass.READ), now)
    owners: list[Counted] = []
    while len(owners) < limit:
        wanted, last = min(AT_ONCE, limit - len(owners)), owners[-1].owner if owners else after
        try:
            if deadline.remaining() <= 0:
                raise NoTimeLeft("the users of a page were not counted in time")
            some = await count(wanted, last, deadline)
        except Unavailable:
            if not owners:
                raise
            break  # these are a page; the next one begins with what takes so long
        owners += some
        if len(some) < wanted:
            return owners, True
    return owners, False


async def _page(link: Link, limit: int, after: Owner | None, now: Callable[[], float]) -> OwnersPage:
    async def summaries(wanted: int, last: Owner | None, deadline: Deadline) -> list[OwnerSummary]:
        ask = CallOptions(deadline)
        return await link.call(
            lambda provider: provider.summaries(wanted, after=last), OperationClass.READ, ask, size=wanted
        )

    return OwnersPage(link.name, *await counted_page(link, limit, after, now, summaries))
