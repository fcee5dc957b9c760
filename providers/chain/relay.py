"""The outbox relay: deliver every operation of the journal to every provider, in the background."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

import structlog
from msgspec import Struct

from observability import tracing
from providers.chain.applying import Change, apply_all, keep_versions, tombstones_met
from providers.chain.deadline import CallOptions, Deadline
from providers.chain.errors import Contradicted
from providers.chain.leasing import LEASE_SECONDS, Lease
from providers.chain.link import Link
from providers.chain.observer import ChainObserver, Unobserved
from providers.chain.policy import OperationClass, RelayPolicy
from providers.chain.rereading import shown_by, taken
from providers.chain.superseding import superseded_by
from providers.errors import MemoryDeleted, ProviderError, Throttled, Unavailable
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import Dead, Delivery, Done, Held, Postponed, Settlement

MOST_FAILURES = 10_000  # failed deliveries that are remembered; the oldest is forgotten first
_MOST_DOUBLINGS = 20  # far beyond every longest wait, and still no overflow

_log = structlog.get_logger(__name__)


class UnexpectedOutcome(ProviderError):
    """A delivery ended with a bug; repeats decide whether the memory causes it, as with any other failure."""

    outcome = "bug"


class OutboxRelay(Struct):
    """Deliver to one provider; `link` returns its current link, None for a while when the order is being switched.

    Several relays may run at once, in this process or in others: deliveries are leased, and may be repeated.
    """

    name: str
    journal: Journal
    link: Callable[[], Link | None]
    policy: RelayPolicy
    observer: ChainObserver = Unobserved()
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    now: Callable[[], float] = time.monotonic
    _idle: bool = False
    _finishing: bool = False
    _failures_in_a_row: int = 0
    _one_by_one: bool = False  # after a batch failed as a whole, to find the operation that causes it
    _taken: int = 0  # deliveries that the provider has taken
    _taken_at_failure: dict[int, int] = {}

    async def run(self) -> None:
        """Run until cancelled or asked to finish."""
        while not self._finishing:
            try:
                more = await self.deliver_some()
            except JournalUnavailable as error:
                _log.debug("deliveries_postponed", provider=self.name, reason=error.reason)
                await self.sleep(self.policy.poll)
            else:
                if not more:
                    self._idle = True
                    await self._wait_for_work()
                    self._idle = False

    async def finish(self, running: asyncio.Task[None]) -> None:
        """End the task that runs this after its present batch, and deliver what is due by then."""
        self._finishing = True
        if self._idle:
            running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        with suppress(JournalUnavailable):
            while await self.deliver_some():
                pass

    async def deliver_some(self) -> bool:
        """Make one batch of deliveries; return False if nothing is due or the provider cannot be called."""
        link = self.link()
        if link is None or link.attempts.guards.breaker.refuses():
            return False
        patience = link.attempts.seconds(OperationClass.REPLAY, self.policy.batch)
        limit = 1 if self._one_by_one else self.policy.batch
        batch = await self.journal.lease(self.name, limit, LEASE_SECONDS)
        if not batch:
            return False
        started = self.now()
        lease = Lease(partial(self.journal.renew, self.name), {delivery.seq: delivery.lease for delivery in batch})
        with tracing.root(f"deliver {self.name}", {"ninai.provider": self.name, "ninai.operations": len(batch)}):
            async with lease:
                settlements = await self._deliver(link, batch, patience)
            with tracing.span("journal settle"):
                await self.journal.settle(lease.noted(settlements))
        self._count(batch, settlements, self.now() - started - LEASE_SECONDS)
        left = len(batch) / self.policy.per_second - (self.now() - started)
        if left > 0:
            await self.sleep(left)
        return True

    async def _wait_for_work(self) -> None:
        link = self.link()
        left = link.attempts.guards.breaker.snapshot().seconds_to_probe if link is not None else None
        if left is None:
            try:
                await self.journal.wait(self.policy.poll)
            except JournalUnavailable:
                await self.sleep(self.policy.poll)
        else:
            await self.sleep(min(max(left, 0.05), self.policy.poll))

    async def _deliver(self, link: Link, batch: Sequence[Delivery], patience: float) -> list[Settlement]:
        options = CallOptions(Deadline.after(patience, self.now))
        superseded = [delivery for delivery in batch if delivery.superseded]
        held = [delivery for delivery in batch if delivery.held and not delivery.superseded]
        rest = [delivery for delivery in batch if not delivery.held and not delivery.superseded]
        try:
            versions = [delivery.state for delivery in superseded]
            kept = await keep_versions(link, versions, OperationClass.REPLAY, options)
            shown = await shown_by(link, held, options)
            changes = [Change(delivery.kind, delivery.state) for delivery in rest]
            outcomes = await apply_all(link, changes, OperationClass.REPLAY, options)
            met = [one.state for one, outcome in zip(rest, outcomes, strict=True) if isinstance(outcome, MemoryDeleted)]
            propagations = await tombstones_met(link, met, OperationClass.REPLAY, options)
            there = [one.state for one, outcome in zip(rest, outcomes, strict=True) if outcome is None]
            there += [one.state for one, seen in zip(held, shown, strict=True) if seen]
            propagations += await superseded_by(link, self.journal.newest, there, OperationClass.REPLAY, options)
        except JournalUnavailable:
            raise  # no failure of the provider
        except Unavailable as error:
            return self._failed(batch, error)
        except Exception:  # noqa: BLE001 - logged with its traceback below; raised, it would stop all other deliveries
            _log.exception("delivery_failed", provider=self.name, seqs=[delivery.seq for delivery in batch])
            return self._failed(batch, UnexpectedOutcome("a bug, or an answer that nobody has foreseen"))
        self._failures_in_a_row = 0
        self._one_by_one = False
        if propagations:
            with tracing.span("journal append"):
                await self.journal.append(propagations)
        settled = {
            delivery.seq: self._settled(link, delivery, outcome)
            for delivery, outcome in zip([*rest, *superseded], [*outcomes, *kept], strict=True)
        }
        settled |= {
            delivery.seq: self._looked_for(delivery, shown=seen or link.has_erased(delivery.state))
            for delivery, seen in zip(held, shown, strict=True)
        }
        return [settled[delivery.seq] for delivery in batch]

    def _failed(self, batch: Sequence[Delivery], error: ProviderError) -> list[Settlement]:
        self._failures_in_a_row += 1
        alone = len(batch) == 1
        self._one_by_one = not alone
        return [self._postponed(delivery, error, alone=alone) for delivery in batch]

    def _looked_for(self, delivery: Delivery, *, shown: bool) -> Settlement:
        """Settle a held delivery: it is done if the provider shows it, or was to erase it, and made again if not."""
        if shown:
            return Done(seq=delivery.seq, provider=self.name)
        self.observer.contradicted(self.name)
        error = Contradicted(f"{self.name} does not show what it has taken")
        return Postponed(seq=delivery.seq, provider=self.name, delay=self._delay(error), error=error.outcome)

    def _settled(self, link: Link, delivery: Delivery, outcome: ProviderError | None) -> Settlement:
        # A write that met a tombstone is done: delete wins.
        if outcome is None or isinstance(outcome, MemoryDeleted):
            self._taken += 1
            self._taken_at_failure.pop(delivery.seq, None)
            done = Done(seq=delivery.seq, provider=self.name)  # no read shows a superseded version, however late
            return done if delivery.superseded else taken(link, delivery.seq)
        if isinstance(outcome, Unavailable):
            return self._postponed(delivery, outcome, alone=True)
        return self._dead(delivery, outcome)

    def _postponed(self, delivery: Delivery, error: ProviderError, *, alone: bool) -> Settlement:
        """Postpone a delivery; its failure counts against the operation only if the provider took others since."""
        counts = alone and self._taken > self._taken_at_failure.get(delivery.seq, self._taken)
        link = self.link()
        if link is not None and link.provider.has_shards and not isinstance(error, UnexpectedOutcome):
            counts = False  # the others that were taken may be of another shard than the one that is down
        self._taken_at_failure[delivery.seq] = self._taken
        if len(self._taken_at_failure) > MOST_FAILURES:  # another process may have delivered what failed here
            del self._taken_at_failure[next(iter(self._taken_at_failure))]
        if counts and delivery.failures + 1 >= self.policy.dead_after:
            return self._dead(delivery, error)
        return Postponed(
            seq=delivery.seq, provider=self.name, delay=self._delay(error), error=error.outcome, counts=counts
        )

    def _dead(self, delivery: Delivery, error: ProviderError) -> Dead:
        self._taken_at_failure.pop(delivery.seq, None)
        _log.error(
            "dead_letter",
            provider=self.name,
            seq=delivery.seq,
            kind=delivery.kind,
            memory_id=delivery.state.id,
            outcome=error.outcome,
        )
        return Dead(seq=delivery.seq, provider=self.name, error=error.outcome)

    def _delay(self, error: ProviderError) -> float:
        policy = self.policy
        growth = float(2 ** min(self._failures_in_a_row, _MOST_DOUBLINGS))
        asked = error.retry_after if isinstance(error, Throttled) else None
        return (asked or 0.0) + min(policy.longest_wait, policy.first_wait * growth) * self.chance()

    def _count(self, batch: Sequence[Delivery], settlements: Sequence[Settlement], overdue: float) -> None:
        """Report to the observer; `overdue` is for how many seconds the lease of the batch has expired."""
        for delivery, settlement in zip(batch, settlements, strict=True):
            if isinstance(settlement, Done | Held) and not delivery.held:
                # By the journal's clock alone: neither a version nor another host's clock says when it was accepted.
                self.observer.confirmed(self.name, delivery.until - delivery.appended_at + overdue)
        for kind in (Done, Held, Postponed, Dead):
            count = sum(isinstance(settlement, kind) for settlement in settlements)
            if count:
                self.observer.delivered(self.name, kind.__name__.lower(), count)
