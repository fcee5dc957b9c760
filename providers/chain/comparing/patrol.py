"""The patrol: compare the complete stores of a chain slowly, show how they differ, and heal what the rules decide."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing

import msgspec
import structlog
from msgspec import Struct, field

from observability import tracing
from providers.chain.comparing.comparison import Difference, Fault
from providers.chain.comparing.flux import lasting
from providers.chain.comparing.histories import VersionGap, fill_gaps
from providers.chain.comparing.merging import HEALED_BY_PUTTING, Merger
from providers.chain.comparing.store import PAGE, ComparedStore
from providers.chain.comparing.walking import Walk, WalkPlace
from providers.chain.link import Link
from providers.chain.observer import ChainObserver, Unobserved
from providers.chain.policy import PatrolPolicy
from providers.chain.route import Route
from providers.errors import ProviderError
from providers.journal.base import Journal
from providers.owners import Owner
from providers.types import Snapshot

_TASK = "patrol"
_CLAIM_SECONDS = 600.0
# Between the two looks that a difference must last: longer than a write takes to reach every store that answers.
LOOK_AGAIN_SECONDS = 10.0

Differences = Mapping[tuple[str, Fault], int]

# Between two notes of how far a round is: after a crash no more than this is compared again.
NOTED_EVERY = 60.0

_log = structlog.get_logger(__name__)


class _Reached(Struct, frozen=True):
    """The place in a round over these stores, and the differences that are left so far, as the journal notes them."""

    stores: tuple[str, ...]
    place: WalkPlace
    found: tuple[tuple[str, Fault, int], ...]


class _Ended(Exception):
    """Signal that this process does not patrol any more, or that other stores are complete by now."""


class Patrol(Struct):
    """Compare the stores in sync of a route, one process at a time; a round goes on where the last one broke off.

    The journal notes where that was, for the next process.

    `left` counts the differences that the last whole round could not heal, by provider and kind, and those of the
    present round where there are more.
    """

    holder: str
    journal: Journal
    route: Callable[[], Route]
    policy: PatrolPolicy
    observer: ChainObserver = Unobserved()
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], float] = time.monotonic
    left: Differences = {}
    _found: Counter[tuple[str, Fault]] = field(default_factory=Counter)
    _place: WalkPlace | None = None
    _claimed_until: float = 0.0
    _note_at: float = 0.0

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            await self.sleep(self.policy.every)
            try:
                await self.look()
            except ProviderError as error:
                _log.debug("patrol_postponed", reason=error.outcome)

    async def look(self) -> None:
        """Go once through all owners, or through those that the last round has left.

        Raises:
            Unavailable: a store or the journal does not answer; the next round goes on there.
        """
        route = self.route()
        if len(route.readers) < 2 or route.presumed:  # noqa: PLR2004 - a single one differs from nobody
            return self._forget()
        try:
            await self._claim(0.0)
            if self._place is None:
                await self._go_on_from_notes(route)
            await self._walk(route)
            await self.journal.note_patrol(None)
        except _Ended:
            return self._forget()
        self.left, self._found, self._place = dict(self._found), Counter(), None
        for (provider, kind), count in self.left.items():
            _log.warning("stores_differ", provider=provider, kind=kind.value, memories=count)
        return None

    def left_at(self, provider: str) -> dict[str, int]:
        """Return how many differences are left at one provider, by kind."""
        counts = Counter(self.left) | self._found
        return {kind.value: count for (name, kind), count in counts.items() if name == provider}

    async def _walk(self, route: Route) -> None:
        suspects: list[Difference] = []
        lacking: list[VersionGap] = []
        stores = [self._store(link) for link in route.readers]
        async with aclosing(Walk(stores, route.in_sync).steps(self._place)) as steps:
            async for step in steps:
                self._end_unless(route)
                if step.difference is not None:
                    suspects.append(step.difference)
                if step.gap is not None:
                    lacking.append(step.gap)
                if len(lacking) == PAGE or (lacking and step.gap is None):
                    await self._complete_histories(stores, lacking)
                    lacking = []
                if len(suspects) == PAGE or self.now() >= self._note_at:
                    await self._look_again(suspects)
                    suspects = []
                if not suspects and not lacking:
                    self._place = step.place
                    await self._note(route, step.place)
        await self._look_again(suspects)

    async def _complete_histories(self, stores: Sequence[ComparedStore], lacking: Sequence[VersionGap]) -> None:
        """Put superseded versions where they are not, which is right whatever else is under way."""
        await fill_gaps({store.name: store for store in stores}, lacking)
        for name, count in Counter(name for gap in lacking for name in gap.lacking).items():
            self.observer.healed(name, Fault.VERSION.value)
            _log.info("history_completed", provider=name, versions=count)

    async def _note(self, route: Route, place: WalkPlace) -> None:
        if self.now() < self._note_at:
            return
        self._note_at = self.now() + NOTED_EVERY
        found = tuple((provider, kind, count) for (provider, kind), count in self._found.items())
        reached = _Reached(_names(route), place, found)
        await self.journal.note_patrol(msgspec.json.encode(reached).decode())

    async def _go_on_from_notes(self, route: Route) -> None:
        """Go on where another process has broken off a round over the same stores."""
        self._note_at = self.now() + NOTED_EVERY
        noted = await self.journal.patrolled()
        try:
            reached = None if noted is None else msgspec.json.decode(noted, type=_Reached)
        except msgspec.DecodeError:
            return  # that of a program that notes something else
        if reached is not None and reached.stores == _names(route):
            self._place = reached.place
            self._found = Counter({(provider, kind): count for provider, kind, count in reached.found})

    async def _look_again(self, suspects: Sequence[Difference]) -> None:
        """Look a second time at memories that have differed, and heal what still does."""
        if not suspects:
            return
        await self.sleep(LOOK_AGAIN_SECONDS)
        with tracing.root("patrol", {"ninai.operations": len(suspects)}):
            for suspect in suspects:
                await self._judge(suspect.wanted.owner, suspect.wanted.id)

    async def _judge(self, owner: Owner, memory_id: str) -> None:
        route = self.route()
        stores = {link.name: self._store(link) for link in route.links}
        witnesses = [store for name, store in stores.items() if name not in route.in_sync]
        certain = True

        async def look() -> dict[str, Snapshot | None]:
            nonlocal certain
            held = {link.name: await stores[link.name].state(owner, memory_id) for link in route.readers}
            # Who is not complete may yet know of a deletion.
            certain = all([await _testified(store, owner, memory_id, held) for store in witnesses])
            return held

        found = await lasting(self.journal, (owner, memory_id), look, route.in_sync)
        if found is None:
            return
        wanted = found.difference.wanted
        faults = {name: kind for name, kind in found.difference.faults.items() if name not in found.awaiting}
        # A dead letter is an operator's: it is shown, and not put past the decision.
        judged = Difference(wanted, {name: kind for name, kind in faults.items() if name not in found.given_up})
        decided = judged.faults and (certain or wanted.deleted)
        healable = await self._heal(judged, stores) if decided else frozenset()
        for name, kind in faults.items():
            if name in healable:
                self.observer.healed(name, kind.value)
                _log.warning("difference_healed", provider=name, kind=kind.value, memory_id=memory_id)
            else:
                self._found[name, kind] += 1

    async def _heal(self, difference: Difference, stores: Mapping[str, ComparedStore]) -> frozenset[str]:
        """Heal what the rules decide, and return the providers where that is done or under way."""
        elsewhere = {name for name, store in stores.items() if store.link.provider.changed_elsewhere}
        tally = await Merger(self.journal, stores, elsewhere).settle([difference])
        return frozenset(
            name
            for name, kind in difference.faults.items()
            if kind is Fault.UNDELETED
            or (kind in HEALED_BY_PUTTING and not tally.refused and not (kind is Fault.MISSING and name in elsewhere))
        )

    def _store(self, link: Link) -> ComparedStore:
        return ComparedStore(link, self.now, self._rest)

    async def _rest(self, seconds: float) -> None:
        """Rest after a call that took some seconds for so long that the share of a store's time is kept."""
        rest = seconds * (1 / self.policy.share - 1)
        await self._claim(rest)
        await self.sleep(rest)

    async def _claim(self, rest: float) -> None:
        """Keep the task to this process until after a rest; few rests are so long that they need a claim of their own.

        Raises:
            _Ended: another process has it.
        """
        if self.now() + rest + _CLAIM_SECONDS / 2 <= self._claimed_until:
            return
        seconds = rest + _CLAIM_SECONDS + self.policy.every
        if not await self.journal.claim(_TASK, self.holder, seconds):
            raise _Ended
        self._claimed_until = self.now() + seconds

    def _end_unless(self, route: Route) -> None:
        if self.route().readers != route.readers:
            raise _Ended

    def _forget(self) -> None:
        self.left, self._found, self._place = {}, Counter(), None


def _names(route: Route) -> tuple[str, ...]:
    return tuple(link.name for link in route.readers)


async def _testified(store: ComparedStore, owner: Owner, memory_id: str, held: dict[str, Snapshot | None]) -> bool:
    """Add what a store holds that is not complete; return False if it does not answer."""
    try:
        held[store.name] = await store.state(owner, memory_id)
    except ProviderError:
        return False
    return True
