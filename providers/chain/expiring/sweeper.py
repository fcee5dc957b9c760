"""The sweep: erase what has been expired for an hour by the clocks of the store and of the journal.

The clock of a reader hides memories and erases none: one that is wrong shows too little for a while, and nothing is
lost. Each deletion is of the version that was seen alone, so that one that was given more time meanwhile stays. Touches
give more time without a version: of those that home has missed the other stores know, and while one of them does not
answer, nothing is erased whose expiry slides.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import structlog
from msgspec import Struct

from observability import tracing
from providers.chain.comparing.store import ComparedStore
from providers.chain.expiring.clocks import read_clocks
from providers.chain.expiring.finding import expired_in
from providers.chain.expiring.retaining import due_in
from providers.chain.expiring.rules import RetentionRule
from providers.chain.expiring.touched import still_expired
from providers.chain.observer import ChainObserver
from providers.chain.overlay import deletion_version
from providers.chain.policy import ExpiryPolicy
from providers.chain.route import Route
from providers.errors import ProviderError
from providers.examination.clocks import MOST_APART
from providers.journal.base import Journal
from providers.journal.operations import Appended, Operation, OperationKind
from providers.states.clock import HybridClock
from providers.states.editing import tombstone_of
from providers.types import Deletion, MemoryRecord, Snapshot

GRACE_SECONDS = 3_600.0
_TASK = "expiry"

# A memory as it was seen at the store, with its version.
Seen = TypeVar("Seen", Snapshot, MemoryRecord)

_log = structlog.get_logger(__name__)


class SweptChain(Protocol):
    """What a sweep needs of a chain; the journal, the route and the observer may be others by the next one."""

    holder: str
    journal: Journal | None
    observer: ChainObserver
    retention: tuple[RetentionRule, ...]

    @property
    def route(self) -> Route:
        """The providers that take part now."""


class ExpirySweeper(Struct):
    """Erase what has expired at home, one process at a time where there is a journal.

    Only a home that certainly has everything is asked. With a journal the deletions go through it to all members.
    """

    chain: SweptChain
    clock: HybridClock
    policy: ExpiryPolicy
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], float] = time.monotonic
    grace: float = GRACE_SECONDS

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            await self.sleep(self.policy.every)
            try:
                journal = self.chain.journal
                if journal is None or await journal.claim(_TASK, self.chain.holder, 2 * self.policy.every):
                    await self.sweep()
            except ProviderError as error:
                _log.debug("expiry_postponed", reason=error.outcome)

    async def sweep(self) -> int:
        """Erase what has expired, and return how many memories that were.

        Raises:
            Unavailable: the store or the journal does not answer; the next sweep goes on.
        """
        route, journal = self.chain.route.verified, self.chain.journal
        home = route.home
        if home is None or route.is_restored:
            return 0
        store = ComparedStore(home, self.now, self._rest)
        reached = await self.reached(store, journal)
        if reached is None:
            return 0
        before, erased = reached - timedelta(seconds=self.grace), 0
        others = [ComparedStore(link, self.now, self._rest) for link in route.links if link is not home]
        async for found in expired_in(store, before):
            states = await self.expired(store, others, found, before)
            if not states:
                continue
            with tracing.root("expiry", {"ninai.operations": len(states)}):
                gone = await (_erased(store, states, before) if journal is None else self._buried(journal, states))
            self.chain.observer.expired(home.name, len(gone))
            erased += len(gone)
        if erased:
            _log.info("expired_memories_erased", provider=home.name, memories=erased)
        return erased + await self._retain(store, journal, reached)

    async def _retain(self, store: ComparedStore, journal: Journal | None, reached: datetime) -> int:
        """Erase what rules of retention have made due, in the same way as what has expired."""
        erased: Counter[str] = Counter()
        async for rule, records in due_in(store, self.chain.retention, reached):
            with tracing.root("retention", {"ninai.operations": len(records)}):
                gone = await (_erased(store, records, None) if journal is None else self._buried(journal, records))
            if gone:
                self.chain.observer.retained(store.name, rule.name, gone)
            erased[rule.name] += len(gone)
        for name, memories in erased.items():
            _log.info("retention_applied", rule=name, provider=store.name, memories=memories)
        return erased.total()

    async def expired(
        self, home: ComparedStore, others: Sequence[ComparedStore], states: Sequence[Snapshot], before: datetime
    ) -> list[Snapshot]:
        """Return what has expired whatever other stores know; without what slides, if one of them does not answer."""
        try:
            return await still_expired(home, others, states, before)
        except ProviderError as error:
            _log.debug("expiry_postponed", reason=error.outcome)
            return [state for state in states if state.sliding_seconds is None]

    async def reached(self, store: ComparedStore, journal: Journal | None) -> datetime | None:
        """Return the moment that the clocks of the store and of the journal have both reached.

        None stands for a clock that is not known, or clocks that cannot all be right.

        Raises:
            Unavailable: the store or the journal does not answer.
        """
        clocks = await read_clocks(store, journal, self.clock)
        if clocks.store is None:
            _log.debug("expiry_postponed", reason="clock_unknown", provider=store.name)
            return None
        if clocks.apart > MOST_APART:
            _log.warning("expiry_clocks_differ", provider=store.name, seconds=round(clocks.apart))
            return None
        return clocks.earliest(self.clock.moment())

    async def _buried(self, journal: Journal, states: Sequence[Seen]) -> list[Seen]:
        """Append the deletions, each under the version that was seen; return those that nothing newer refuses."""
        outcomes = await journal.append(
            [
                Operation(
                    kind=OperationKind.DELETE,
                    state=tombstone_of(state, None, deletion_version(state, self.clock)),
                    base_version=state.version,
                )
                for state in states
            ]
        )
        return [
            state
            for state, outcome in zip(states, outcomes, strict=True)
            if isinstance(outcome, Appended) and not outcome.repeated
        ]

    async def _rest(self, seconds: float) -> None:
        """Leave the store to others for most of the time."""
        await self.sleep(seconds * (1 / self.policy.share - 1))


async def _erased(store: ComparedStore, states: Sequence[Seen], before: datetime | None) -> list[Seen]:
    """Delete states from a store without a journal, each if it is still the newest of its memory; return those.

    What had expired before a moment must still have, since a touch changes no version.
    """
    gone = []
    for state in states:
        deletion = Deletion(owner=state.owner, memory_id=state.id, seen=state.version, expired_by=before)
        if (await store.erase(deletion)).count:
            gone.append(state)
    return gone
