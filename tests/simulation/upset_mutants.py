"""Designs that keep the promises as long as nothing changes behind their back; each breaks one when one thing does."""

from collections.abc import Callable, Sequence

from providers.chain.link import Link
from providers.chain.membership import Introductions, Membership
from providers.chain.stores.introductions import introduction_of
from providers.chain.stores.registrar import Registrar
from providers.introduction import Introduction
from providers.journal.base import Journal
from providers.journal.operations import Member, MemberState
from providers.journal.sqlite.connection import JournalConnection
from providers.journal.sqlite.opening import open_memory
from providers.replica import Replica
from tests.simulation.design import RealDesign
from tests.simulation.journal import FaultyRunner, SimulatedJournal
from tests.simulation.script import REPLICAS
from tests.simulation.upsets import UpsetKind


class MarksIgnored(RealDesign):
    """A store with an older mark than it had is taken for what it was."""

    def membership(self, membership: Membership) -> Membership:
        """Return one that reacts to no older mark."""
        return _with(membership, _Markless)


class FilledByJournalAlone(RealDesign):
    """What the journal retains is delivered again to a store that was rolled back, and nothing else."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Return a journal in which such a store stays complete."""
        return _Complete(runner, looks=looks)


class ReadBackIgnored(RealDesign):
    """A store that lacks what it confirmed last is believed as long as its mark is right."""

    def membership(self, membership: Membership) -> Membership:
        """Return one that suspects nobody."""
        return _with(membership, _Unsuspecting)


class JournalBelieved(RealDesign):
    """A journal is never taken for an earlier state of itself."""

    def membership(self, membership: Membership) -> Membership:
        """Return one to which a mark that is too new means nothing."""
        return _with(membership, _Credulous)


class NewJournalAccepts(RealDesign):
    """A new journal takes writes before it is known what the stores belong to."""

    def membership(self, membership: Membership) -> Membership:
        """Return one that trusts a new journal."""
        return _with(membership, _Hopeful)


class ForeignJournalTrusted(RealDesign):
    """Whatever journal there is, it is ours."""

    def membership(self, membership: Membership) -> Membership:
        """Return one that trusts every journal."""
        return _with(membership, _Trusting)


class NamesBelieved(RealDesign):
    """Whatever store answers under a name, it is the one of that name."""

    def membership(self, membership: Membership) -> Membership:
        """Return one that accepts every store."""
        return _with(membership, _Nominal)


class WallClockRetention(RealDesign):
    """The journal measures ages and waits by the clock on the wall."""

    def connections(self, now: Callable[[], float], wall: Callable[[], float]) -> list[JournalConnection]:
        """Return a connection whose time jumps."""
        return [open_memory(wall)] * REPLICAS


class Unpatrolled(RealDesign):
    """Nobody compares the stores that are complete."""

    patrols = False


class FirstIsSource(RealDesign):
    """The first of the order is the source of a new journal, whatever the others hold."""

    def membership(self, membership: Membership) -> Membership:
        """Return one that founds a journal without a look at what the stores hold."""
        return _Hurried(**{name: getattr(membership, name) for name in membership.__struct_fields__})


class StalenessIgnored(RealDesign):
    """A store that shows late what it has taken does not say so."""

    def declared(self, staleness: float) -> float:
        """Return nothing."""
        return 0.0


class _Markless(Registrar):
    async def rolled_back(self, member: Member, introduction: Introduction) -> None:
        pass


class _Unsuspecting(Registrar):
    async def redeliver(self, member: Member, reason: str) -> None:
        pass


class _Credulous(Registrar):
    async def _journal_rolled_back(self, name: str, introduction: Introduction) -> None:
        pass


class _Hopeful(Registrar):
    trusted: bool = True

    async def recognise_journal(self) -> None:
        self.trusted = False
        await super().recognise_journal()


class _Trusting(Registrar):
    async def recognise_journal(self) -> None:
        await super().recognise_journal()
        self.trusted = self.trusted or await self.journal.founded()


class _Nominal(Registrar):
    async def meet(
        self, name: str, store: Replica, introduction: Introduction | None = None, *, known: Member | None = None
    ) -> Introduction | None:
        introduction = introduction or await introduction_of(name, store, {})
        of_name = {member.name: member.identity for member in await self.journal.members()}.get(name)
        if introduction is None or not self.trusted or of_name in {None, introduction.identity}:
            return await super().meet(name, store, introduction)
        self.met[name] = introduction
        return introduction

    def accepts(self, member: Member) -> bool:
        return member.name in self.met


class _Complete(SimulatedJournal):
    async def restart(
        self,
        name: str,
        *,
        epoch: int,
        identity: str,
        restored: bool = False,
        behind: float | None = None,
        above: int = 0,
        state: MemberState = MemberState.FILLING,
        ours: bool = False,
    ) -> Member | None:
        return await super().restart(
            name,
            epoch=epoch,
            identity=identity,
            restored=restored,
            behind=behind,
            above=above,
            state=MemberState.COMPLETE if restored and not above else state,
            ours=ours,
        )


class _Hurried(Membership):
    async def _enrol(self, links: Sequence[Link], introductions: Introductions, *, sole: bool = False) -> None:
        await super()._enrol(links, introductions, sole=True)


def _with(membership: Membership, kind: type[Registrar]) -> Membership:
    former = membership.registrar
    registrar = kind(former.journal, former.installation, former.observer, now=former.now)
    membership.registrar = membership.watch.registrar = registrar
    return membership


UPSET_MUTANTS: dict[type[RealDesign], frozenset[UpsetKind]] = {
    MarksIgnored: frozenset({UpsetKind.ROLLBACK}),
    FilledByJournalAlone: frozenset({UpsetKind.ROLLBACK}),
    ReadBackIgnored: frozenset({UpsetKind.FAILOVER}),
    JournalBelieved: frozenset({UpsetKind.OLDER_JOURNAL}),
    NewJournalAccepts: frozenset({UpsetKind.EMPTY_JOURNAL}),
    ForeignJournalTrusted: frozenset({UpsetKind.FOREIGN_JOURNAL}),
    NamesBelieved: frozenset({UpsetKind.REPLACED, UpsetKind.SPLIT}),
    WallClockRetention: frozenset({UpsetKind.CLOCK}),
    Unpatrolled: frozenset({UpsetKind.DELETION}),
    FirstIsSource: frozenset({UpsetKind.FOUNDING}),
    StalenessIgnored: frozenset({UpsetKind.STALENESS}),
}
