"""The leases of deliveries: short ones, renewed while the try that they are for is under way."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Self

from msgspec.structs import replace

from providers import background
from providers.journal.base import JournalUnavailable
from providers.journal.operations import LeaseToken, Settlement

# After its holder has crashed, a delivery waits this long for another process. Two renewals may be late.
LEASE_SECONDS = 5.0
RENEWED_EVERY = LEASE_SECONDS / 3

# The longest wait of an ended try for a renewal under way. Cancelling it costs a connection and leaves the lease
# unknown: an operation that replaced the delivery meanwhile then waits until the lease expires.
_LAST_RENEWAL_SECONDS = 0.1

Renew = Callable[[Sequence[LeaseToken], float], Awaitable[Sequence[LeaseToken | None]]]


class Lease:
    """Hold the leases of deliveries, by their `seq`, and renew them while this context lasts; it may be entered again.

    A try that ends before the first renewal costs a timer. A renewal that fails is harmless: once the lease has expired
    another process may make the same deliveries, and repeating a delivery is harmless.
    """

    __slots__ = ("_leases", "_renew", "_renewing", "_running", "_timer")

    def __init__(self, renew: Renew, leases: Mapping[int, LeaseToken]) -> None:
        self._renew = renew
        self._leases = dict(leases)
        self._running = False
        self._timer: asyncio.TimerHandle | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start to renew."""
        self.begin()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop renewing."""
        await self.end(kind)

    def begin(self) -> None:
        """Start to renew, unless that has begun; this is for a try that may outlast its context, and calls `end`."""
        if not self._running:
            self._running = True
            self._plan()

    async def end(self, kind: type[BaseException] | None = None) -> None:
        """Stop renewing; `kind` is what has ended the try, if it was an exception."""
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
        """Return the settlements with the leases that they end, as far as they are known."""
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
            # A lease that was not renewed stays known: the operation that replaced the delivery may not be visible yet.
            self._leases |= {seq: lease for seq, lease in zip(leases, renewed, strict=True) if lease is not None}
        self._plan()
