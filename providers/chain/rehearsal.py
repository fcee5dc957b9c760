"""The checks whether an order could be put in force, made without starting any of its work."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from functools import partial

from msgspec import Struct

from providers.chain.errors import OrderRefused
from providers.chain.link import Link
from providers.chain.observer import Unobserved
from providers.chain.opening import JournalSpec, ProviderSpec, open_link
from providers.chain.policy import ChainPolicy
from providers.chain.stores.founding import Undecided, refuse_foreign, source_of
from providers.chain.stores.in_sync import refuse_empty
from providers.chain.stores.introductions import PATIENCE_AT_START, introductions_of, refuse_twins
from providers.chain.stores.refusals import of_another_installation, of_another_journal
from providers.chain.stores.unjournalled import refuse_lost_journal
from providers.examination.check import Check
from providers.examination.examination import Examination
from providers.introduction import Introduction
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import Member


async def rehearse(journal: JournalSpec, providers: Sequence[ProviderSpec]) -> None:
    """Open the journal and the providers, compare their identities, and close them again; see `Chain.switch`.

    A provider that does not answer is no reason against an order; one that cannot be opened at all is.

    Raises:
        OrderRefused: the order could not be put in force.
        Unavailable: the journal or a provider cannot be opened.
    """
    examination = Examination(seconds=None)
    async with AsyncExitStack() as stack:
        await examination.make_all(_Rehearsal(journal, providers, stack).checks())
    for result in examination.results:
        if result.outcome.cause is not None:
            raise result.outcome.cause


class _Rehearsal(Struct):
    """The checks of one order, each of which needs the one before it; the stack closes what they open."""

    journal: JournalSpec
    specs: Sequence[ProviderSpec]
    stack: AsyncExitStack
    _journal: Journal | None = None
    _links: dict[str, Link] = {}
    _introductions: Mapping[str, Introduction | None] = {}

    def checks(self) -> Iterator[Check]:
        """Yield them in their order."""
        needs: tuple[str, ...] = ()
        alone = len(self.specs) == 1
        if self.journal.opened is not None and (self.journal.always or not alone):
            yield Check("journal", partial(self._open_journal, self.journal.opened))
            needs = ("journal",)
        for spec in self.specs:
            name = f"providers.{spec.name}"
            yield Check(name, partial(self._open, spec), needs=needs)
            needs = (name,)
        if alone and not self.journal.always:
            yield Check("former journal", self._refuse_lost_journal, needs=needs)
            return
        yield Check("identities", self._compare, needs=needs)
        yield Check("members", self._compare_with_members, needs=("identities",))

    async def _open_journal(self, opened: Callable[[], AbstractAsyncContextManager[Journal]]) -> None:
        self._journal = await self.stack.enter_async_context(opened())

    async def _open(self, spec: ProviderSpec) -> None:
        self._links[spec.name] = (await open_link(spec, ChainPolicy(), Unobserved(), self.stack)).link

    async def _refuse_lost_journal(self) -> None:
        [link] = self._links.values()
        await refuse_lost_journal(link, configured=self.journal.opened is None)

    async def _compare(self) -> None:
        self._introductions = await introductions_of(
            {name: link.provider for name, link in self._links.items()}, {}, PATIENCE_AT_START
        )
        refuse_twins(self._introductions)

    async def _compare_with_members(self) -> None:
        journal = self._journal
        if journal is None:
            return
        met = {name: introduction for name, introduction in self._introductions.items() if introduction is not None}
        with suppress(JournalUnavailable, Undecided):
            if not await journal.founded():
                refuse_foreign(met, alone=len(self._links) == 1)
                await source_of([*self._links.values()], met)
                return
            members = await journal.members()
            refuse_empty(self._introductions, members)
            for name, introduction in met.items():
                if introduction.mark is not None and introduction.mark.journal != journal.id:
                    raise OrderRefused(of_another_journal(name))
            if await journal.installation() not in {None, self.journal.installation}:
                _refuse_unconfirmed(members, met)


def _refuse_unconfirmed(members: Sequence[Member], met: Mapping[str, Introduction]) -> None:
    """Refuse stores none of which can confirm that the journal of another installation is theirs.

    Raises:
        OrderRefused: the journal knows none of them.
    """
    known = {member.name: member.identity for member in members}
    if met and all(known.get(name) != introduction.identity for name, introduction in met.items()):
        raise OrderRefused(of_another_installation(next(iter(met))))
