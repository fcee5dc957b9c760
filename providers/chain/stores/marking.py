"""The marks that a chain leaves in stores: each is reserved in the journal before, and noted there afterwards."""

import asyncio

from msgspec.structs import replace

from providers.chain.stores.introductions import PROBE_SECONDS
from providers.introduction import Introduction, StoreMark
from providers.journal.base import Journal
from providers.journal.operations import Member
from providers.replica import Replica


class LeftTwice(Exception):
    """A store has taken two marks under one number: it was put back in between, to before the first of them."""


async def leave_next_mark(
    journal: Journal, member: Member, store: Replica, introduction: Introduction, mark: StoreMark
) -> Introduction:
    """Leave a mark in the store of a member under the next number, and note it; return its introduction afterwards.

    If another process was faster, its mark stays. What the store said of itself may be seconds old by now. A number
    that was noted before the store takes it is taken twice, which `Journal.note` finds out only until the next number
    is noted: a later note of a lower number may be that of a process that was slow.

    Raises:
        LeftTwice: another process has left a mark under this number, and the store does not know of it any more.
        Unavailable: the store does not answer.
        JournalUnavailable: the journal does not answer.
        TimeoutError: the store takes too long.
    """
    former = introduction.mark
    number = 1 if former is None else former.number + 1
    if number > member.reserved:
        await journal.reserve(member.name, number)
    noted_before = await _is_noted(journal, member, number)
    mark = replace(mark, number=number)
    async with asyncio.timeout(PROBE_SECONDS):
        left = await store.leave_mark(mark, former)
    if not left:
        return introduction
    noted = await journal.note(member.name, epoch=member.epoch, number=number, lineage=introduction.lineage)
    if noted_before or not noted:
        raise LeftTwice
    return replace(introduction, mark=mark)


async def _is_noted(journal: Journal, member: Member, number: int) -> bool:
    """Return whether a store is known by now to have taken a mark of this number, or a later one, in its epoch."""
    current = next((one for one in await journal.members() if one.name == member.name), None)
    return current is not None and current.epoch == member.epoch and current.noted >= number
