"""One page out of all memories of an owner, for stores that can list no other way."""

from collections.abc import Sequence

from providers.answers import PARTIAL, Found
from providers.types import MemoryRecord, PageQuery


def paged(query: PageQuery, records: Sequence[MemoryRecord], *, whole: bool) -> Found:
    """Return a page of an owner's memories, given in any order; it is `partial` unless these are the `whole`."""
    shown = [record for record in records if query.shows(record)]
    shown.sort(key=lambda record: record.place, reverse=query.order == "newest")
    total = sum(map(query.admits, records)) if query.total else None
    page = shown[query.offset : query.offset + query.limit]
    return Found(memories=page, total=total, degraded=partial_unless(whole=whole))


def partial_unless(*, whole: bool) -> tuple[str, ...]:
    """Return the reason why an answer is degraded that may lack memories."""
    return () if whole else (PARTIAL,)
