"""Lists with a total and pages by number, as mem0 has them, over a store that has neither."""

from collections.abc import AsyncIterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from app.compat.calls import ProtocolCall
from app.compat.mem0.filters import Selection
from app.http.admission import price
from app.http.schemas import ConditionsRequest
from providers.errors import InvalidInput
from providers.filter_limits import check_filter
from providers.limits import MAX_LIST_LIMIT
from providers.owners import Owner
from providers.types import MemoryRecord, PageQuery, as_page

# Memories that are looked at for one list: who has more reads them through our own API, with a cursor.
MAX_LISTED = 100_000
_CHARGED_AT_ONCE = 10  # pages


class Wanted(Struct, frozen=True):
    """The owner whose memories are listed, and the conditions on them."""

    owner: Owner
    selection: Selection


class Counted(Struct, frozen=True):
    """A part of a list, and how many memories the whole list has."""

    memories: list[MemoryRecord]
    count: int


async def counted(call: ProtocolCall, wanted: Sequence[Wanted], skip: int, take: int) -> Counted:
    """Return the part of a list behind the first `skip` memories, newest first for each owner.

    Raises:
        InvalidInput: a condition breaks a rule, or more memories would have to be looked at than a list may have.
    """
    memories: list[MemoryRecord] = []
    count = 0
    async for memory in all_of(call, wanted):
        if skip <= count < skip + take:
            memories.append(memory)
        count += 1
    return Counted(memories, count)


async def all_of(call: ProtocolCall, wanted: Sequence[Wanted]) -> AsyncIterator[MemoryRecord]:
    """Yield the memories that meet the conditions, owner by owner; raise as `counted` does."""
    pages = 0
    for one in wanted:
        query = page_of(call, one)
        cost = price.of_page(MAX_LIST_LIMIT, 0) + price.of_conditions(ConditionsRequest(where=query.where))
        more = True
        while more:
            if pages * MAX_LIST_LIMIT >= MAX_LISTED:
                raise InvalidInput("page", f"lists end at {MAX_LISTED} memories; GET /memory/memories goes on")
            if pages % _CHARGED_AT_ONCE == 0:
                await call.admission.charge(cost * (pages + 1))
            page = await call.provider.page(query)
            for memory in page.memories:
                if one.selection.meets(memory):
                    yield memory
            pages += 1
            more = page.cut or len(page.memories) == MAX_LIST_LIMIT
            if more:
                query = replace(query, after=page.memories[-1].position, provider=page.provider)


def page_of(call: ProtocolCall, one: Wanted) -> PageQuery:
    """Return the first page of a list; raise `InvalidInput` if a condition breaks a rule."""
    check_wanted(one)
    conditions = as_page(one.selection.conditions, one.owner)
    return replace(conditions, limit=MAX_LIST_LIMIT, most_bytes=call.most_bytes)


def check_wanted(one: Wanted) -> None:
    """Refuse conditions that break a rule, also where no store would see them."""
    for condition in (one.selection.where, one.selection.rest):
        if condition is not None:
            check_filter(condition)
