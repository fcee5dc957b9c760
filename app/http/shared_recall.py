"""A recall over several owners: what each remembers, merged into one answer, in which each hit names its owner."""

from collections.abc import Iterable, Sequence

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from app.auth.naming import OWNERS_FIELD
from app.http.schemas import MAX_BATCH_OWNERS
from providers.answer_size import recall_within
from providers.answers import Found
from providers.errors import InvalidInput, ProviderError
from providers.owners import Owner
from providers.search.explanations import Considered
from providers.store import MemoryStore
from providers.types import MemoryRecord, RecallQuery


def check_owners(named: Iterable[Sequence[str] | UnsetType]) -> None:
    """Check that the questions of a batch name few different owners; raise `InvalidInput` if they do not."""
    different = {owner for owners in named if owners is not UNSET for owner in owners}
    if len(different) > MAX_BATCH_OWNERS:
        raise InvalidInput(OWNERS_FIELD, f"must be at most {MAX_BATCH_OWNERS} different ones in a batch")


async def found_of(provider: MemoryStore, query: RecallQuery, owners: Sequence[Owner]) -> Found:
    """Return the memories of all owners nearest to a query, best first, as many as the query may have in all.

    Each is explained among those of its owner; what was considered counts those of all, if all of them tell it.

    Raises:
        ProviderError: the memories of one owner cannot be told; what the others have would not be the whole answer.
    """
    found = together(await provider.find_many(for_each(owners, query)), query.limit)
    return await recall_within(found, query.most_bytes)


def for_each(owners: Sequence[Owner], query: RecallQuery) -> list[RecallQuery]:
    """Return a query once for each owner."""
    return [replace(query, owner=owner) for owner in owners]


def together(answers: Sequence[Found | ProviderError], limit: int) -> Found:
    """Return the answers to a query that was asked for each owner as one, with so many memories at most.

    Raises:
        ProviderError: one of them is not known.
    """
    found: list[Found] = []
    for answer in answers:
        if isinstance(answer, ProviderError):
            raise answer
        found.append(answer)
    if len(found) == 1:
        return found[0]
    merged = _merged([answer.memories for answer in found], limit)
    return Found(memories=merged, considered=_considered([answer.considered for answer in found]))


def _merged(answers: Sequence[list[MemoryRecord]], limit: int) -> list[MemoryRecord]:
    """Return the best of several answers; those of one owner keep their order, in which more than the score counts."""
    waiting = [iter(memories) for memories in answers]
    heads = [next(memories, None) for memories in waiting]
    merged: list[MemoryRecord] = []
    while len(merged) < limit:
        scores = [-1.0 if head is None else head.similarity_score or 0.0 for head in heads]
        best = max(range(len(heads)), key=scores.__getitem__)
        head = heads[best]
        if head is None:
            break
        merged.append(head)
        heads[best] = next(waiting[best], None)
    return merged


def _considered(each: Sequence[Considered | None]) -> Considered | None:
    told = [one for one in each if one is not None]
    if len(told) < len(each):
        return None
    return Considered(
        memories=sum(one.memories for one in told),
        filtered=sum(one.filtered for one in told),
        below_min_score=sum(one.below_min_score for one in told),
    )
