"""The marks that a chain leaves in stores: each is reserved in the journal before, and noted there afterwards."""

import asyncio

from msgspec.structs import replace

from providers.chain.stores.introductions import PROBE_SECONDS
from providers.introduction import Introduction, StoreMark
from providers.journal.base import Journal
from providers.journal.operations import Member
from providers.replica import Replica


async def leave_next_mark(
    journal: Journal, member: Member, store: Replica, introduction: Introduction, mark: StoreMark
) -> Introduction:
    """Leave a mark in the store of a member under the next number, and note it; return its introduction afterwards.

    If another process was faster, its mark stays.

    Raises:
        Unavailable: the store does not answer.
        JournalUnavailable: the journal does not answer.
        TimeoutError: the store takes too long.
    """
    former = introduction.mark
    number = 1 if former is None else former.number + 1
    if number > member.reserved:
        await journal.reserve(member.name, number)
    mark = replace(mark, number=number)
    async with asyncio.timeout(PROBE_SECONDS):
        left = await store.leave_mark(mark, former)
    if not left:
        return introduction
    await journal.note(member.name, epoch=member.epoch, number=number, lineage=introduction.lineage)
    return replace(introduction, mark=mark)
