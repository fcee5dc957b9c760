"""The adoption of stores by a journal that does not know them: it takes them over, and believes none to be complete."""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import uuid4

from msgspec import Struct

from providers.chain.errors import OrderRefused
from providers.chain.link import Link
from providers.chain.stores.claims import IDENTITY_SECONDS
from providers.chain.stores.introductions import holds, introductions_of, refuse_twins
from providers.chain.stores.registrar import Registrar
from providers.introduction import Introduction
from providers.journal.base import Journal
from providers.journal.operations import Member, MemberState

_ASK_AGAIN_SECONDS = 0.5


class StoreInUse(OrderRefused):
    """A process still looks at a store, so that it is no time to change what the journal says about it."""


class AdoptedStore(Struct, frozen=True, kw_only=True):
    """One store of an adoption.

    `holds` is whether anything is in it. `known` is whether the journal knew it under this name; `replaces`, whether it
    knew another one. `former` is the other journal that it belonged to, and `pending` whether that one may have held
    something that it lacks.
    """

    provider: str
    holds: bool
    known: bool
    replaces: bool
    former: str | None
    pending: bool


class Adoption(Struct, frozen=True, kw_only=True):
    """What an adoption does; `left` are members of the journal that are not in the order.

    `foreign` is the installation of the journal if it is another one, and nothing in the stores says that it is ours.
    """

    journal: str
    stores: tuple[AdoptedStore, ...]
    left: tuple[str, ...]
    foreign: str | None


class Adopter(Struct):
    """Make a journal that of the stores of an order, while no service runs over them."""

    registrar: Registrar
    links: Sequence[Link]
    _introductions: Mapping[str, Introduction] = {}
    _members: Mapping[str, Member] = {}

    @property
    def journal(self) -> Journal:
        """The journal that takes them over."""
        return self.registrar.journal

    async def plan(self) -> Adoption:
        """Ask the stores and the journal, change nothing, and return what `adopt` is going to do.

        Raises:
            OrderRefused: a store does not answer, or two providers have the same one.
            JournalUnavailable: the journal does not answer.
        """
        unreached: dict[str, str] = {}
        introductions = await introductions_of({link.name: link.provider for link in self.links}, unreached)
        for name, reason in unreached.items():
            raise OrderRefused(f"{name} does not answer, and all stores of the order must: {reason}")
        refuse_twins(introductions)
        self._introductions = {name: one for name, one in introductions.items() if one is not None}
        self._members = {member.name: member for member in await self.journal.members()}
        held = await asyncio.gather(*(holds(link.provider) for link in self.links))
        return Adoption(
            journal=self.journal.id,
            stores=tuple(self._store(link.name, holds=one) for link, one in zip(self.links, held, strict=True)),
            left=tuple(name for name in self._members if name not in self._introductions),
            foreign=await self._foreign(),
        )

    async def adopt(self, plan: Adoption) -> None:
        """Carry out a plan: no member is complete afterwards, and those that hold something are to be reunited.

        What is interrupted can be done again.

        Raises:
            StoreInUse: a process still looks at one of the stores.
            Unavailable: a store does not answer.
            JournalUnavailable: the journal does not answer.
        """
        await self._wait_until_unused()
        await self._join_installation()
        for name in plan.left:
            await self._set_aside(self._members[name])
        nothing = not any(store.holds for store in plan.stores)
        newest = max((one.mark.at for one in self._introductions.values() if one.mark is not None), default=None)
        for link, store in zip(self.links, plan.stores, strict=True):
            introduction = self._introductions[link.name]
            mark = introduction.mark
            member = await self.journal.join(
                link.name, introduction.identity, MemberState.FILLING, ours=not store.holds
            )
            # Who is empty has nothing to answer with, unless all are.
            restarted = await self.journal.restart(
                link.name,
                epoch=member.epoch,
                identity=introduction.identity,
                restored=store.holds or nothing,
                behind=None if mark is None or newest is None else newest - mark.at,
                above=0 if mark is None else mark.epoch,
                ours=not store.holds,
            )
            await self.registrar.leave_mark(link.provider, introduction, restarted or member)

    def _store(self, name: str, *, holds: bool) -> AdoptedStore:
        introduction, member = self._introductions[name], self._members.get(name)
        mark = introduction.mark
        foreign = mark is not None and mark.journal != self.journal.id
        known = member is not None and member.identity == introduction.identity
        return AdoptedStore(
            provider=name,
            holds=holds,
            known=known,
            replaces=member is not None and member.identity is not None and not known,
            former=mark.journal if mark is not None and foreign else None,
            pending=mark is not None and foreign and mark.pending,
        )

    async def _foreign(self) -> str | None:
        noted = await self.journal.installation()
        if noted in {None, self.registrar.installation} or not self._members:
            return None
        identities = {member.identity for member in self._members.values()}
        for introduction in self._introductions.values():
            mark = introduction.mark
            if introduction.identity in identities or (mark is not None and mark.journal == self.journal.id):
                return None
        return noted

    async def _join_installation(self) -> None:
        told = {one.mark.installation for one in self._introductions.values() if one.mark is not None}
        await self.registrar.claim_journal(told.pop() if len(told) == 1 else None)
        noted = await self.journal.installation()
        if noted is not None and not self.registrar.trusted:
            self.registrar.take(noted)

    async def _set_aside(self, member: Member) -> None:
        """Have a member that is not in the order neither answer nor be waited for, should it come back."""
        if member.identity is None:
            await self.journal.mark(member.name, MemberState.FILLING)
        else:
            await self.journal.restart(member.name, epoch=member.epoch, identity=member.identity)

    async def _wait_until_unused(self) -> None:
        """Wait until no process has looked at a store for so long that none runs over this journal."""
        holder, left = str(uuid4()), IDENTITY_SECONDS
        for name in self._introductions:
            while not await self.journal.claim(f"store {name}", holder, _ASK_AGAIN_SECONDS):
                if left <= 0:
                    raise StoreInUse(f"a service still works with {name} and this journal: stop it first")
                await asyncio.sleep(_ASK_AGAIN_SECONDS)
                left -= _ASK_AGAIN_SECONDS
