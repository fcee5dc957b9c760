"""What tenants hold: the sum over their users, counted in the background, and kept up with what is written here."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

import structlog
from msgspec import Struct

from providers.chain.holding import HoldingsPage
from providers.errors import ProviderError
from providers.holdings import Holdings
from providers.owners import Owner

PAGE = 200  # users in one call
LEAST_REST = 10.0  # seconds between two rounds, however much somebody waits for the next one

_log = structlog.get_logger(__name__)


class TenantSum(Struct):
    """What all users of a tenant hold, and how many there are."""

    held: Holdings = Holdings()
    users: int = 0


class CountedTenants:
    """Count what the users of every tenant hold, page by page, in at most a share of the store's time.

    What other processes write, and what is written during a round, is known after the next round.
    """

    def __init__(
        self,
        page: Callable[[int, Owner | None], Awaitable[HoldingsPage]],
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._page, self._now, self._sleep = page, now, sleep
        self._sums: dict[str, TenantSum] | None = None
        self._wanted = asyncio.Event()
        self.counted_at: datetime | None = None

    @property
    def sums(self) -> dict[str, TenantSum] | None:
        """What tenants hold by name, None before the first round has ended."""
        return self._sums

    def held(self, tenant: str) -> Holdings | None:
        """Return what a tenant holds, None before the first round has ended."""
        if self._sums is None:
            return None
        found = self._sums.get(tenant)
        return Holdings() if found is None else found.held

    def add(self, tenant: str, amount: Holdings) -> None:
        """Add what is about to be written."""
        if self._sums is not None:
            found = self._sums.setdefault(tenant, TenantSum())
            found.held += amount

    def free(self, tenant: str, memories: int) -> None:
        """Take off memories that were deleted, each of the mean size, until the next round knows better."""
        found = None if self._sums is None else self._sums.get(tenant)
        if found is not None and found.held.memories > 0:
            gone = min(memories, found.held.memories)
            found.held -= Holdings(gone, found.held.bytes * gone // found.held.memories)

    def want(self) -> None:
        """Ask for a round soon: somebody is refused, or asks for the sums."""
        self._wanted.set()

    async def run(self, share: Callable[[], float], every: Callable[[], float | None]) -> None:
        """Count again and again until cancelled: `every` so many seconds, or only when wanted if it is None."""
        while True:
            if every() is None:
                await self._wanted.wait()
            began = self._now()
            self._wanted.clear()
            try:
                await self.count(share)
            except ProviderError as error:
                _log.debug("tenants_not_counted", reason=error.outcome)
                self._wanted.set()  # soon
            await self._rest(began, every() or LEAST_REST)

    async def count(self, share: Callable[[], float]) -> None:
        """Count all users once; the sums of before stay if that fails.

        Raises:
            Unavailable: no provider that has received everything answers.
        """
        sums: dict[str, TenantSum] = {}
        after: Owner | None = None
        while True:
            began = self._now()
            page = await self._page(PAGE, after)
            for one in page.owners:
                found = sums.setdefault(one.owner.tenant, TenantSum())
                found.held += one.held
                found.users += 1
            if page.ended:
                break
            after = page.owners[-1].owner
            await self._sleep((self._now() - began) * (1 / share() - 1))
        self._sums, self.counted_at = sums, datetime.now(UTC)

    async def _rest(self, began: float, every: float) -> None:
        await self._sleep(min(LEAST_REST, every))
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, began + every - self._now())):
                await self._wanted.wait()
