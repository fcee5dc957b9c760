"""Leases of deliveries: short ones, renewed for as long as the try that they are for is under way."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from providers import background
from providers.journal.base import JournalUnavailable
from providers.journal.operations import LeaseToken, Settlement

# So long after its holder's crash a delivery is made by somebody else. Long enough for two renewals to be late.
LEASE_SECONDS = 5.0
RENEWED_EVERY = LEASE_SECONDS / 3

# So long a try that has ended waits for a renewal under way. Breaking it off costs a connection, and leaves the lease
# unknown: what has replaced the delivery meanwhile then waits until the lease ends by itself.
_LAST_RENEWAL_SECONDS = 0.1

Renew = Callable[[Sequence[LeaseToken], float], Awaitable[Sequence[LeaseToken | None]]]


class Lease:
    """The leases of deliveries, by their `seq`, renewed while this context lasts; it may be entered again.

    A try that ends before the first renewal costs a timer. A renewal that fails is harmless: when the lease has ended
    somebody else may make the same deliveries, which may be repeated.
    """

    __slots__ = ("_leases", "_renew", "_renewing", "_running", "_timer")

    def __init__(self, renew: Renew, leases: Mapping[int, LeaseToken]) -> None:
        self._renew = renew
        self._leases = dict(leases)
        self._running = False
        self._timer: asyncio.TimerHandle | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to renew."""
        self._running = True
        self._plan()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Renew no more."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        renewing, self._renewing = self._renewing, None
        if renewing is None or renewing.done():
            return
        try:
            if kind is None or issubclass(kind, Exception):
                await asyncio.wait({renewing}, timeout=_LAST_RENEWAL_SECONDS)
        finally:
            await background.stop(renewing)

    def noted(self, settlements: Sequence[Settlement]) -> list[Settlement]:
        """Give settlements that say which lease they end, as far as it is known."""
        return [replace(settlement, lease=self._leases.get(settlement.seq)) for settlement in settlements]

    def _plan(self) -> None:
        if self._leases and self._running:
            self._timer = asyncio.get_running_loop().call_later(RENEWED_EVERY, self._start)

    def _start(self) -> None:
        self._timer = None
        self._renewing = background.start_once(self._renew_all(), "renew a lease")

    async def _renew_all(self) -> None:
        leases = dict(self._leases)
        with suppress(JournalUnavailable):
            renewed = await self._renew(list(leases.values()), LEASE_SECONDS)
            # What is not held now keeps the lease that it had: who replaced it may just not have been seen yet.
            self._leases |= {seq: lease for seq, lease in zip(leases, renewed, strict=True) if lease is not None}
        self._plan()
