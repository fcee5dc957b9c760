"""The founding of a new journal: which store is the source for all others, since the journal itself knows nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing

import structlog

from providers.chain.comparing.store import ComparedStore
from providers.chain.comparing.walking import Walk
from providers.chain.errors import OrderRefused
from providers.chain.link import Link
from providers.chain.stores.introductions import holds
from providers.chain.stores.registrar import Registrar
from providers.errors import ProviderError
from providers.introduction import Introduction
from providers.journal.base import JournalUnavailable
from providers.journal.operations import Member, MemberState

COMPARE_SECONDS = 10.0  # for stores that all hold something

_log = structlog.get_logger(__name__)


class Undecided(Exception):
    """A store that does not answer may hold everything, so that nobody can be said to be complete."""


async def found(
    registrar: Registrar, links: Sequence[Link], introductions: Mapping[str, Introduction | None], *, sole: bool = False
) -> None:
    """Make the providers of an order the first members of a journal.

    Complete is the store that holds memories, whatever its place, or the first one if none does. `sole` says that the
    only provider has received everything.

    Raises:
        OrderRefused: the stores belong to another journal, or several hold what is not the same.
        Undecided: none of those that answer holds anything.
        JournalUnavailable: the journal does not answer.
    """
    met = {name: introduction for name, introduction in introductions.items() if introduction is not None}
    refuse_foreign(met, alone=len(links) == 1)
    source = links[0].name if sole else await source_of(links, met)
    # Not before: until then the journal may be in the place of the one to which a silent store belongs.
    marks = {introduction.mark.installation for introduction in met.values() if introduction.mark is not None}
    await registrar.claim_journal(marks.pop() if len(marks) == 1 else None)
    # The source comes first: if the rest is interrupted, the others are newcomers.
    for link in sorted(links, key=lambda link: link.name != source):
        introduction = met.get(link.name)
        state = MemberState.COMPLETE if link.name == source else MemberState.FILLING
        identity = None if introduction is None else introduction.identity
        # The source holds what there is, and the others nothing else, if anything.
        member = await registrar.journal.join(link.name, identity, state, ours=introduction is not None)
        if introduction is not None:
            introduction = await _marked(registrar, link, introduction, member)
            await registrar.note_history(link.name, link.provider, member)
            registrar.met[link.name] = introduction


async def _marked(registrar: Registrar, link: Link, introduction: Introduction, member: Member) -> Introduction:
    """Have a store say at once to which journal it belongs, so that no other one is founded in the place of this one.

    If it cannot take a mark now, the next look leaves it, unless it would go on naming another journal until then.
    """
    if introduction.mark is not None:
        _log.warning("journal_replaced", provider=link.name)
        return await registrar.leave_mark(link.provider, introduction, member)
    try:
        return await registrar.leave_mark(link.provider, introduction, member)
    except JournalUnavailable:
        raise
    except (ProviderError, TimeoutError) as error:
        _log.warning("mark_postponed", provider=link.name, reason=str(error) or "no answer in time")
        return introduction


def refuse_foreign(met: Mapping[str, Introduction], *, alone: bool) -> None:
    """Refuse stores that belong to another journal, unless a provider alone holds all that its journal had.

    Raises:
        OrderRefused: it, or one of them, may lack what that journal holds.
    """
    marked = [name for name, introduction in met.items() if introduction.mark is not None]
    if not marked:
        return
    names = ", ".join(marked)
    way_on = "bring that journal back, or begin with this one: `ninai journal adopt`"
    if not alone:
        raise OrderRefused(f"the journal is new, and {names} belong to another one: {way_on}")
    mark = met[names].mark
    if mark is not None and mark.pending:
        raise OrderRefused(f"the journal is new, and that of {names} may have held what {names} lacks: {way_on}")


async def source_of(links: Sequence[Link], met: Mapping[str, Introduction]) -> str:
    """Return the name of the provider that holds what there is.

    Raises:
        OrderRefused: several hold what is not the same.
        Undecided: none of those that answer holds anything.
    """
    asked = [link for link in links if link.name in met]
    answers = await asyncio.gather(*(holds(link.provider) for link in asked))
    holders = [link for link, holds in zip(asked, answers, strict=True) if holds]
    if len(holders) > 1 and not await _same(holders):
        names = " and ".join(link.name for link in holders)
        raise OrderRefused(
            f"the journal is new, and {names} hold different memories: compare them by `ninai providers diff`, and"
            " merge them by `ninai journal adopt`"
        )
    if holders:
        return holders[0].name
    if len(met) < len(links):
        silent = ", ".join(link.name for link in links if link.name not in met)
        raise Undecided(f"the journal is new, and {silent} may hold everything but does not answer")
    return links[0].name


async def _same(links: Sequence[Link]) -> bool:
    """Return whether stores hold the same, as far as that can be found out soon."""
    walk = Walk([ComparedStore(link) for link in links], frozenset(link.name for link in links))
    try:
        async with asyncio.timeout(COMPARE_SECONDS), aclosing(walk.steps(None)) as steps:
            async for step in steps:
                if step.difference is not None:
                    return False
    except (ProviderError, TimeoutError):
        return False
    return True
