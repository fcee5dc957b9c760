"""The registrar: meet the store behind each provider, and register in the journal what its introduction says."""

import time
from collections.abc import Callable
from uuid import uuid4

import structlog
from msgspec import Struct

from providers.chain.observer import ChainObserver, StoreEvent, Unobserved
from providers.chain.stores.claims import NameClaims
from providers.chain.stores.introductions import holds, introduction_of
from providers.chain.stores.judging import CALM, Judgement, judge
from providers.chain.stores.marking import LeftTwice, leave_next_mark
from providers.chain.stores.refusals import ADOPT, Refusal, of_another_installation, of_another_journal
from providers.introduction import Introduction, StoreMark
from providers.journal.base import Journal
from providers.journal.operations import Member, MemberState
from providers.replica import Replica

_log = structlog.get_logger(__name__)


def _keep_nothing(_installation: str) -> None:
    pass


class Registrar(Struct):
    """Decide which stores this process accepts; `met` holds the last introduction of each of them.

    Nothing is read from, delivered to or laid over a store that is not accepted. A journal of another installation, or
    of none, is `trusted` only after a store has confirmed that it belongs to it. An installation without an id of its
    own takes that of such a journal, and has `keep` remember it.
    """

    journal: Journal
    installation: str | None
    observer: ChainObserver = Unobserved()
    keep: Callable[[str], None] = _keep_nothing
    wall: Callable[[], float] = time.time
    met: dict[str, Introduction] = {}
    refusals: dict[str, Refusal] = {}
    trusted: bool = False
    undecided: str | None = None  # why a new journal cannot be founded yet
    now: Callable[[], float] = time.monotonic
    _claimed: dict[str, tuple[str, float]] = {}  # see `NameClaims`

    @property
    def distrust(self) -> str | None:
        """Why the journal is not believed yet, None if it is."""
        if self.trusted:
            return None
        return self.undecided or "it is that of another installation until a store says that it belongs to it"

    async def recognise_journal(self) -> None:
        """Find out whether the journal is that of this installation.

        One that has never belonged to any, and has never met a store either, becomes it: no store could confirm it.

        Raises:
            JournalUnavailable: it does not answer.
        """
        if self.trusted:
            return
        noted = await self.journal.installation()
        if noted is not None:
            self.trusted = noted == self.installation
        elif (members := await self.journal.members()) and all(member.identity is None for member in members):
            await self.claim_journal(None)

    async def claim_journal(self, told: str | None) -> None:
        """Make a journal without members that of this installation, unless it is that of another one.

        An installation without an id gets the one that a store was `told`, or else a new one.

        Raises:
            JournalUnavailable: the journal does not answer.
        """
        noted = await self.journal.installation(self.installation or told or str(uuid4()))
        if self.installation is None and noted is not None:
            self.take(noted)
        self.trusted = noted == self.installation

    async def meet(
        self, name: str, store: Replica, introduction: Introduction | None = None, *, known: Member | None = None
    ) -> Introduction | None:
        """Ask a store who it is, and register it; return its introduction, None if it is not accepted or silent.

        An `introduction` that was just given is judged first; `known` is the member if it was just read. A store that
        does not answer stays accepted: the next look finds out whether it is still the same.

        Raises:
            JournalUnavailable: the journal does not answer.
        """
        member = known or await self._member(name)
        introduction = introduction or await introduction_of(name, store, {})
        if introduction is None:
            if member is None:
                await self.expect(name)
            return None
        self.observer.reached(name)
        if member is None:
            judgement = self._judge_newcomer(introduction)
        else:
            judgement = judge(member, introduction, self.journal.id)
        if judgement not in CALM and member is not None:  # it may be out of date: see `judge`
            member = await self._member(name) or member
            introduction = await introduction_of(name, store, {})
            if introduction is None:
                return None  # the former one was given before the member was read
            judgement = judge(member, introduction, self.journal.id)
            if judgement is Judgement.AHEAD:
                member = await self._member(name) or member
                judgement = judge(member, introduction, self.journal.id)
        refusal = await self._register(name, store, member, introduction, judgement)
        if refusal is not None:
            accepted = name in self.met
            self._refuse(name, refusal)
            if accepted and member is not None:
                # What was confirmed since the last look may be in the wrong store.
                await self.redeliver(member, "another store answered under its name")
            return None
        if self.refusals.pop(name, None) is not None:
            _log.info("store_accepted", provider=name)
        await self.note_history(name, store, member)
        self.met[name] = introduction
        return introduction

    async def note_history(self, name: str, store: Replica, member: Member | None) -> None:
        """Have the journal know whether a store keeps history; `member` is what it knows of a member that is not new.

        Raises:
            JournalUnavailable: the journal does not answer.
        """
        if store.keeps_history != (member is not None and member.keeps_history):
            await self.journal.note_history(name, keeps=store.keeps_history)

    async def expect(self, name: str) -> None:
        """Have a provider whose store does not answer receive every write, unless the journal is not ours.

        Raises:
            JournalUnavailable: the journal does not answer.
        """
        if self.trusted:
            await self.journal.join(name, None, MemberState.FILLING)

    def accepts(self, member: Member) -> bool:
        """Return whether the store that this process sees is that of the member."""
        introduction = self.met.get(member.name)
        return introduction is not None and introduction.identity == member.identity

    def forget(self, name: str) -> None:
        """Accept the store of this name again only after it has said who it is."""
        self.met.pop(name, None)

    async def leave_mark(
        self, store: Replica, introduction: Introduction, member: Member, *, pending: bool = True
    ) -> Introduction:
        """Leave the next mark in the store of a member, and find out by that whether it was rolled back meanwhile."""
        if self.installation is None:
            raise RuntimeError("no store is accepted before the installation has an id")
        mark = StoreMark(
            installation=self.installation,
            journal=self.journal.id,
            epoch=member.epoch,
            number=0,
            at=self.wall(),
            pending=pending,
        )
        try:
            return await leave_next_mark(self.journal, member, store, introduction, mark)
        except LeftTwice:
            current = await self._member(member.name)  # by the number alone all would look well
            if current is not None and current.epoch == member.epoch:
                await self.rolled_back(current, introduction)
            return introduction

    async def _register(
        self, name: str, store: Replica, member: Member | None, introduction: Introduction, judgement: Judgement
    ) -> Refusal | None:
        """Register what a store is; return the reason if it is not accepted."""
        if judgement is Judgement.FOREIGN:
            return Refusal(of_another_journal(name))
        if member is not None and judgement is not Judgement.ANOTHER and member.identity is not None:
            await self._confirm_journal()
        if not self.trusted:
            return Refusal(of_another_installation(name))
        if not await NameClaims(self.journal, self.now, self._claimed).hold(name, introduction.identity):
            return Refusal(f"another process sees another store under the name {name}: both need the same", waits=True)
        if member is None or member.identity is None:
            ours = not await holds(store)  # before the first delivery
            await self.journal.join(name, introduction.identity, MemberState.FILLING, ours=ours)
            return None
        return await self._react(store, member, introduction, judgement)

    async def _react(
        self, store: Replica, member: Member, introduction: Introduction, judgement: Judgement
    ) -> Refusal | None:
        match judgement:
            case Judgement.ANOTHER:
                return await self._replaced(store, member, introduction)
            case Judgement.ROLLED_BACK:
                await self.rolled_back(member, introduction)
            case Judgement.AHEAD:
                await self._journal_rolled_back(member.name, introduction)
            case _ if member.lineage is not None and introduction.lineage not in {None, member.lineage}:
                await self.redeliver(member, "another history of its server")
        return None

    async def rolled_back(self, member: Member, introduction: Introduction) -> None:
        """Register that a store has lost what it had: it is brought up from the others and the journal."""
        mark = introduction.mark
        behind = None if mark is None else max(0.0, member.noted_at - mark.at)
        await self.journal.restart(
            member.name,
            epoch=member.epoch,
            identity=introduction.identity,
            restored=member.restored or member.state is MemberState.COMPLETE,  # not who never had everything
            behind=behind,
        )
        self.observer.met_store(member.name, StoreEvent.ROLLED_BACK)
        _log.error("store_rolled_back", provider=member.name, seconds=behind)

    async def redeliver(self, member: Member, reason: str) -> None:
        """Deliver again what the journal retains, to a store that may lack some of it; its state stays."""
        if member.identity is None:
            return
        await self.journal.restart(
            member.name,
            epoch=member.epoch,
            identity=member.identity,
            restored=member.restored,
            behind=member.behind,
            state=member.state,
        )
        self.observer.met_store(member.name, StoreEvent.SUSPECTED)
        _log.warning("store_suspected", provider=member.name, reason=reason)

    async def _replaced(self, store: Replica, member: Member, introduction: Introduction) -> Refusal | None:
        """Register that another store has a name now, unless it replaces the last one that has everything."""
        others = [
            other
            for other in await self.journal.members()
            if other.name != member.name and (other.state is MemberState.COMPLETE or other.restored)
        ]
        if not others and (member.state is MemberState.COMPLETE or member.restored):
            return Refusal(f"{member.name} is another store than the one that received everything: {ADOPT}")
        ours = not await holds(store)
        await self.journal.restart(member.name, epoch=member.epoch, identity=introduction.identity, ours=ours)
        self.observer.met_store(member.name, StoreEvent.REPLACED)
        _log.warning("store_replaced", provider=member.name)
        return None

    async def _journal_rolled_back(self, name: str, introduction: Introduction) -> None:
        """Register that the journal has lost operations, so that any store may lack some that others have received."""
        for member in await self.journal.members():
            if member.identity is None:
                continue
            mark = introduction.mark if introduction.identity == member.identity else None
            if mark is not None:
                await self.journal.reserve(member.name, mark.number)
            await self.journal.restart(
                member.name,
                epoch=member.epoch,
                identity=member.identity,
                restored=True,
                above=0 if mark is None else mark.epoch,
            )
        self.observer.met_store(name, StoreEvent.JOURNAL_ROLLED_BACK)
        _log.error("journal_rolled_back", provider=name)

    async def _confirm_journal(self) -> None:
        if not self.trusted:
            noted = await self.journal.installation(self.installation or str(uuid4()))
            if noted is not None and noted != self.installation:
                self.take(noted)
            self.trusted = True
            _log.info("journal_confirmed", journal=self.journal.id)

    def take(self, installation: str) -> None:
        """Belong to this installation from now on: all that share a journal and its stores are one."""
        if self.installation is not None:
            _log.warning("installation_replaced", former=self.installation, installation=installation)
        self.installation = installation
        self.keep(installation)

    def _judge_newcomer(self, introduction: Introduction) -> Judgement:
        mark = introduction.mark
        return Judgement.FOREIGN if mark is not None and mark.journal != self.journal.id else Judgement.UNMARKED

    def _refuse(self, name: str, refusal: Refusal) -> None:
        self.met.pop(name, None)
        if self.refusals.get(name) != refusal:
            self.observer.met_store(name, StoreEvent.REFUSED)
            _log.error("store_refused", provider=name, reason=refusal.reason)
        self.refusals[name] = refusal

    async def _member(self, name: str) -> Member | None:
        return next((member for member in await self.journal.members() if member.name == name), None)
