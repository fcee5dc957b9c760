"""The membership of providers in the journal: join new ones, have them backfilled, and retire those that are gone."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import structlog
from msgspec import Struct

from providers import background
from providers.chain.backfill import Backfill, Progress
from providers.chain.errors import OrderRefused
from providers.chain.identities import identity_of
from providers.chain.in_sync import InSyncSet, in_sync, refuse_empty
from providers.chain.link import Link
from providers.chain.observer import ChainObserver, Unobserved
from providers.errors import ProviderError
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import Member, MemberState

REFRESH_SECONDS = 0.5  # between two readings of the members
CARE_SECONDS = 30.0  # between two renewals of the membership, and checks of the identities
RETIRE_SECONDS = 3_600.0  # after which a provider that no process has in its order is retired
_SHARED_HOLDER = "members"  # the holder of shared claims, which last as long as any process renews them
# The delay after a backfill that cannot be done now doubles with every postponement in a row. An obstacle is seldom
# removed within seconds; once it is, the backfill should start within minutes.
FIRST_DELAY_SECONDS = 5.0
LONGEST_DELAY_SECONDS = 300.0
_MOST_DOUBLINGS = 20  # far beyond that, and still no overflow
SETTLE_SECONDS = 4.0  # longer than a new order takes to reach every process

_log = structlog.get_logger(__name__)


class Membership(Struct):
    """Keep the journal's members and this process's route in line.

    `unjournalled`: seconds for which writes may still be under way that began before there was a journal.
    """

    holder: str
    journal: Journal
    links: Callable[[], Sequence[Link]]
    set_complete: Callable[[frozenset[str]], None]
    now: Callable[[], float] = time.monotonic
    unjournalled: float = 0.0
    observer: ChainObserver = Unobserved()
    progress: dict[str, Progress] = {}
    reasons: dict[str, str] = {}
    _started: float = 0.0
    _joined: set[str] = set()
    _admitted: int = 0  # counts orders; what was read before the last of them is out of date
    _known: dict[str, str | None] | None = None  # the stores in sync, None while the journal has never answered
    _identified: set[str] = set()  # providers whose identity is known; before that it may be any other store
    _backfills: dict[str, asyncio.Task[None]] = {}
    _identity_tasks: dict[str, asyncio.Task[None]] = {}
    _postponements: dict[str, int] = {}  # in a row

    def __post_init__(self) -> None:
        """Start the clock of the membership."""
        self._started = self.now()

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """The background tasks that are running."""
        return [*self._backfills.values(), *self._identity_tasks.values()]

    async def admit(self, identities: Mapping[str, str | None]) -> InSyncSet:
        """Make the providers of an order members, in that order, and return which of them are in sync.

        A provider whose identity is unknown may be another store by now, so it is not in sync until it has answered.
        Without the journal those count that it named last; if it has never answered, the first provider is presumed to
        be in sync.

        Raises:
            OrderRefused: none of them is in sync, but another store is.
        """
        try:
            refuse_empty(identities, await self.journal.members())
            for name in identities:  # before a process retires it that has not seen it for long
                await self.journal.claim(_seen(name), _SHARED_HOLDER, RETIRE_SECONDS)
            members = [await self._join(name, identity) for name, identity in identities.items()]
        except JournalUnavailable as error:
            _log.warning("journal_unavailable", reason=error.reason)
            self._joined.clear()
            self._identified = {name for name, identity in identities.items() if identity is not None}
            self._admitted += 1
            return self._presumed(identities)
        self._joined = set(identities)
        self._identified = {name for name, identity in identities.items() if identity is not None}
        self._admitted += 1
        return InSyncSet(in_sync(members) & self._identified)

    async def run(self) -> None:
        """Run until cancelled."""
        care_at = self.now()
        while True:
            try:
                if not self._joined.issuperset(link.name for link in self.links()):
                    await self._join_again()
                await self._refresh()
                if self.now() >= care_at:
                    await self._renew_and_retire()
                    care_at = self.now() + CARE_SECONDS
            except JournalUnavailable as error:
                _log.debug("membership_postponed", reason=error.reason)
            await asyncio.sleep(REFRESH_SECONDS)

    async def _refresh(self) -> None:
        admitted = self._admitted
        members = await self.journal.members()
        if admitted != self._admitted:
            return  # the order has changed, and the providers in sync may have changed with it
        self._known = {member.name: member.identity for member in members if member.state is MemberState.COMPLETE}
        self._identify_unknown()
        ready = in_sync(members) & self._identified & {link.name for link in self.links()}
        self.set_complete(ready)
        for name in ready:  # whichever process has backfilled it
            self.reasons.pop(name, None)
            self.progress.pop(name, None)
            self._postponements.pop(name, None)
        source = next((link for link in self.links() if link.name in ready), None)
        for link in self.links():
            if source is not None and link.name not in in_sync(members):
                self._start_backfill(source, link)

    def _identify_unknown(self) -> None:
        """Ask every store whose identity is unknown for it, in the background."""
        for link in self.links():
            task = self._identity_tasks.get(link.name)
            if link.name not in self._identified and (task is None or task.done()):
                self._identity_tasks[link.name] = background.start_once(self._identify(link), f"meet {link.name}")

    async def _identify(self, link: Link) -> None:
        admitted = self._admitted
        identity = await self._identity(link)
        if identity is None or admitted != self._admitted:
            return
        with suppress(JournalUnavailable):
            await self._join(link.name, identity)
            if admitted == self._admitted:
                self._identified.add(link.name)

    def _presumed(self, identities: Mapping[str, str | None]) -> InSyncSet:
        if self._known is None:
            return InSyncSet(frozenset(list(identities)[:1]), presumed=True)
        known = self._known
        presumed = frozenset(
            name
            for name, identity in identities.items()
            if name in known and (identity is None or known[name] in {None, identity})
        )
        if not presumed:
            names = ", ".join(identities)
            raise OrderRefused(f"none of {names} had received everything when the journal last answered")
        return InSyncSet(presumed)

    async def _join_again(self) -> None:
        """Join all providers after a start without the journal."""
        for link in self.links():
            identity = await self._identity(link)
            await self._join(link.name, identity)
            self._joined.add(link.name)
            if identity is not None:
                self._identified.add(link.name)

    async def _join(self, name: str, identity: str | None) -> Member:
        """Make a provider a member; if its store is another one than before, begin anew with it."""
        member = await self.journal.join(name, identity)
        if identity is not None and member.identity != identity:
            return await self.journal.restart(name, epoch=member.epoch, identity=identity) or member
        return member

    async def _renew_and_retire(self) -> None:
        for link in self.links():
            await self.journal.claim(_seen(link.name), _SHARED_HOLDER, RETIRE_SECONDS)
            identity = await self._identity(link)
            if identity is not None:
                await self._join(link.name, identity)
        if self.now() - self._started < RETIRE_SECONDS:
            return
        mine = {link.name for link in self.links()}
        for member in await self.journal.members():
            # Another holder gets this claim only if no process has renewed it for long.
            if member.name not in mine and await self.journal.claim(_seen(member.name), self.holder, 1.0):
                await self.journal.leave(member.name)
                _log.warning("provider_retired", provider=member.name)

    async def _identity(self, link: Link) -> str | None:
        identity = await identity_of(link.name, link.provider, {})
        if identity is not None:
            self.observer.reached(link.name)
        return identity

    def _start_backfill(self, source: Link, target: Link) -> None:
        task = self._backfills.get(target.name)
        if task is None or task.done():
            self._backfills[target.name] = background.start_once(
                self._backfill(source, target), f"fill {target.name} from {source.name}"
            )

    async def _backfill(self, source: Link, target: Link) -> None:
        def report(progress: Progress) -> None:
            self.progress[target.name] = progress

        # A process that does not know the new provider yet may still write without it.
        left = self._started + self.unjournalled - self.now()
        if left > 0:
            self.reasons[target.name] = "writes that began without the journal may still be under way"
        await asyncio.sleep(max(left, 0.0) + SETTLE_SECONDS)
        try:
            await Backfill(self.holder, self.journal, source, target, report, self.now).run()
        except ProviderError as error:
            self.reasons[target.name] = str(error)
            before = self._postponements.get(target.name, 0)
            self._postponements[target.name] = before + 1
            wait = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(before, _MOST_DOUBLINGS))
            self.observer.filling_postponed(target.name, str(error), wait + SETTLE_SECONDS)
            await asyncio.sleep(wait)
        else:
            self.reasons.pop(target.name, None)
            self.progress.pop(target.name, None)
            self._postponements.pop(target.name, None)


def _seen(name: str) -> str:
    return f"seen {name}"
