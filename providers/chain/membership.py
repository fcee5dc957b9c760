"""The membership of providers in the journal: join new ones, have them filled, and retire those that are gone."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import structlog
from msgspec import Struct

from providers.chain.errors import OrderRefused
from providers.chain.filling import Filling
from providers.chain.link import Link
from providers.chain.observer import ChainObserver, Unobserved
from providers.chain.observers import Observers
from providers.chain.stores.claims import IDENTITY_SECONDS
from providers.chain.stores.founding import Undecided, found
from providers.chain.stores.in_sync import InSyncSet, in_sync, refuse_empty
from providers.chain.stores.introductions import PROBE_SECONDS, introductions_of, refuse_twins
from providers.chain.stores.presumption import presumed
from providers.chain.stores.registrar import Registrar
from providers.chain.stores.wake import Wake
from providers.chain.stores.watch import StoreWatch
from providers.introduction import Introduction
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import Member, MemberState

REFRESH_SECONDS = 0.5  # between two readings of the members
CARE_SECONDS = 30.0  # between two renewals of the membership
FOUNDING_SECONDS = 2.0  # between two tries to found a journal while a store does not answer
RETIRE_SECONDS = 3_600.0  # after which a provider that no process has in its order is retired
_SHARED_HOLDER = "members"  # the holder of shared claims, which last as long as any process renews them

_log = structlog.get_logger(__name__)

Introductions = Mapping[str, Introduction | None]


class Membership(Struct):
    """Keep the journal's members and this process's route in line."""

    holder: str
    journal: Journal
    links: Callable[[], Sequence[Link]]
    set_in_sync: Callable[[InSyncSet], None]
    registrar: Registrar
    watch: StoreWatch
    filling: Filling
    wake: Wake
    now: Callable[[], float] = time.monotonic
    _started: float = 0.0
    _enrolled: bool = False  # whether the journal has been told of the order in force
    _admitting: int = 0  # orders that are being put in force now
    _admitted: int = 0  # counts orders; what was read before the last of them is out of date
    _known: dict[str, str | None] | None = None  # the stores in sync, None while the journal has never answered

    def __post_init__(self) -> None:
        """Start the clock of the membership."""
        self._started = self.now()

    @classmethod
    def of(
        cls,
        holder: str,
        journal: Journal,
        links: Callable[[], Sequence[Link]],
        set_in_sync: Callable[[InSyncSet], None],
        installation: str | None,
        *,
        now: Callable[[], float] = time.monotonic,
        unjournalled: float = 0.0,
        observer: ChainObserver | None = None,
    ) -> Self:
        """Return the membership as one process keeps it, with the parts that it needs."""
        wake = Wake()
        observer = Observers(observer or Unobserved(), wake)
        registrar = Registrar(journal, installation, observer, now=now)
        return cls(
            holder=holder,
            journal=journal,
            links=links,
            set_in_sync=set_in_sync,
            registrar=registrar,
            watch=StoreWatch(registrar, journal, now),
            filling=Filling(holder, journal, now, unjournalled, observer),
            wake=wake,
            now=now,
        )

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """The background tasks that are running."""
        return [*self.filling.tasks, *self.watch.tasks]

    @property
    def _wants_enrolment(self) -> bool:
        """Whether there is an order in force that the journal has not been told of."""
        return not self._enrolled and not self._admitting and bool(self.links())

    @property
    def reasons(self) -> dict[str, str]:
        """Why providers may not answer, by name."""
        refused = {name: refusal.reason for name, refusal in self.registrar.refusals.items()}
        return self.unreached | self.filling.reasons | refused

    @property
    def unreached(self) -> dict[str, str]:
        """Why stores have not said yet who they are, by name."""
        return {name: reason for name, reason in self.watch.unreached.items() if name not in self.registrar.met}

    async def admit(
        self, links: Sequence[Link], unreached: dict[str, str], patience: float = PROBE_SECONDS, *, sole: bool = False
    ) -> InSyncSet:
        """Make the providers of an order members, in that order, and return which of them may answer.

        A store that has not said who it is may be any other, so that it is not in sync until it has. Without the
        journal those count that it named last; if it has never answered, the first provider is presumed to be in sync.
        `unreached` receives the reason why a store has not answered, `patience` and `sole` are those of
        `introductions_of` and `found`.

        Raises:
            OrderRefused: two of them are one store; none of them is in sync, but another store is; or the stores and
                the journal do not belong together.
        """
        self._admitted += 1
        self._enrolled = False
        self._admitting += 1
        try:
            return await self._admit(links, unreached, patience, sole=sole)
        finally:
            self._admitting -= 1

    async def _admit(
        self, links: Sequence[Link], unreached: dict[str, str], patience: float, *, sole: bool
    ) -> InSyncSet:
        try:
            await self.journal.members()  # before the stores introduce themselves: see `judge`
            introductions = await self._introductions(links, unreached, patience)
            refuse_twins(introductions)
            await self._enrol(links, introductions, sole=sole)
            return self._accepted(links, await self.journal.members())
        except JournalUnavailable as error:
            _log.warning("journal_unavailable", reason=error.reason)
            introductions = await self._introductions(links, unreached, patience)
            refuse_twins(introductions)
            return self._presumed(introductions)
        except Undecided as error:
            _log.warning("journal_not_founded", reason=str(error))
            return InSyncSet(frozenset())

    async def run(self) -> None:
        """Run until cancelled."""
        care_at = self.now()
        while True:
            pause = REFRESH_SECONDS
            try:
                if self._wants_enrolment:
                    await self._enrol_again()
                await self._refresh()
                if self.now() >= care_at:
                    await self._renew_and_retire()
                    care_at = self.now() + CARE_SECONDS
            except JournalUnavailable as error:
                _log.debug("membership_postponed", reason=error.reason)
                if self._wants_enrolment:
                    await self._presume_again()
            except (OrderRefused, Undecided) as error:
                _log.debug("membership_postponed", reason=str(error))
                pause = FOUNDING_SECONDS
            await self.wake.wait(pause)

    async def _enrol(self, links: Sequence[Link], introductions: Introductions, *, sole: bool = False) -> None:
        """Tell the journal of an order: found the journal, or register what has become of the stores that it knows."""
        if not await self.journal.founded():
            try:
                await found(self.registrar, links, introductions, sole=sole)
            except Undecided as error:
                self.registrar.undecided = str(error)
                raise
        else:
            await self.registrar.recognise_journal()
            members = await self.journal.members()
            refuse_empty(introductions, members)
            known = {member.identity for member in members}
            # Those that the journal knows come first: one of them may have to confirm the journal to the others.
            for link in sorted(links, key=lambda link: _identity(introductions[link.name]) not in known):
                # Before a process retires it that has not seen it for long.
                await self.journal.claim(_seen(link.name), _SHARED_HOLDER, RETIRE_SECONDS)
                await self._meet(link, introductions[link.name])
        self._enrolled = True

    async def _introductions(
        self, links: Sequence[Link], unreached: dict[str, str] | None = None, patience: float = PROBE_SECONDS
    ) -> Introductions:
        """Return what the stores of an order tell about themselves, and note why the others do not."""
        reasons = {} if unreached is None else unreached
        introductions = await introductions_of({link.name: link.provider for link in links}, reasons, patience)
        for name, introduction in introductions.items():
            if introduction is None:
                self.watch.unreached[name] = reasons[name]
            else:
                self.watch.unreached.pop(name, None)
        return introductions

    async def _meet(self, link: Link, introduction: Introduction | None) -> None:
        """Register one store.

        Raises:
            OrderRefused: it does not belong to the journal.
        """
        former = self.registrar.met.get(link.name)
        if introduction is None or former is None or former.identity != introduction.identity:
            self.registrar.forget(link.name)  # the same store goes on answering meanwhile, however slow the journal is
        if introduction is None:
            await self.registrar.expect(link.name)
            return
        until = self.now() + IDENTITY_SECONDS
        while True:
            await self.registrar.meet(link.name, link.provider, introduction)
            refusal = self.registrar.refusals.get(link.name)
            if refusal is None:
                return
            if not refusal.waits or self.now() > until:
                raise OrderRefused(refusal.reason)
            await asyncio.sleep(REFRESH_SECONDS)

    async def _enrol_again(self) -> None:
        """Tell the journal of the order after a start without it, or with a store that may hold everything."""
        links = self.links()
        await self.journal.members()
        introductions = await self._introductions(links)
        await self._enrol(links, introductions)

    async def _refresh(self) -> None:
        admitted = self._admitted
        members = await self.journal.members()
        if admitted != self._admitted:
            return  # the order has changed, and the providers in sync may have changed with it
        links = self.links()
        self._known = {member.name: member.identity for member in members if member.state is MemberState.COMPLETE}
        ready = self._accepted(links, members)
        self.set_in_sync(ready)
        for name in ready.names:
            self.filling.done(name)
        self._fill(links, ready)
        if not self._admitting:  # a look would insist on the store that may just be exchanged for another one
            self.watch.start_looks(links, members)

    def _accepted(self, links: Sequence[Link], members: Sequence[Member]) -> InSyncSet:
        """Return who may answer: complete, and the store that this process sees."""
        order = {link.name for link in links}
        return in_sync([member for member in members if member.name in order], self.registrar.accepts)

    def _fill(self, links: Sequence[Link], ready: InSyncSet) -> None:
        source = next((link for link in links if link.name in ready.names), None)
        met = [link for link in links if link.name in self.registrar.met]
        if source is not None:
            for link in met:
                if link.name not in ready.names:
                    self.filling.fill(source, link)
        elif ready.restored:
            self.filling.reunite(met, ready.restored)

    def _presumed(self, introductions: Introductions) -> InSyncSet:
        return presumed(introductions, self._known, self.registrar.installation)

    async def _presume_again(self) -> None:
        """Let a store answer without the journal that has not said who it is before."""
        admitted = self._admitted
        presumed = self._presumed(await self._introductions(self.links()))
        if admitted == self._admitted:
            self.set_in_sync(presumed)

    async def _renew_and_retire(self) -> None:
        for link in self.links():
            await self.journal.claim(_seen(link.name), _SHARED_HOLDER, RETIRE_SECONDS)
        if self.now() - self._started < RETIRE_SECONDS:
            return
        mine = {link.name for link in self.links()}
        for member in await self.journal.members():
            # Another holder gets this claim only if no process has renewed it for long.
            if member.name not in mine and await self.journal.claim(_seen(member.name), self.holder, 1.0):
                await self.journal.leave(member.name)
                _log.warning("provider_retired", provider=member.name)


def _identity(introduction: Introduction | None) -> str | None:
    return None if introduction is None else introduction.identity


def _seen(name: str) -> str:
    return f"seen {name}"
