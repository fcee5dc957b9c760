"""Storing a memory unless there is one like it."""

from msgspec import UNSET, UnsetType

from app.http.headers import stored_or_accepted
from app.http.remember_schemas import RememberResponse
from providers.answers import Stored
from providers.looks import looking
from providers.search.answer_options import AnswerOptions
from providers.search.stored_analysis import fingerprint
from providers.store import MemoryStore
from providers.types import NewMemory, RecallQuery

# The nearest that are looked at: the same text may be among those of a provider that orders otherwise.
_NEAREST = 5


async def stored_unless_similar(
    provider: MemoryStore, memory: NewMemory, least: float | UnsetType
) -> tuple[RememberResponse, Stored | None]:
    """Store a memory unless the user has one whose vector has a cosine of at least `least` with its own.

    Of the same text, but for case, accents and blanks, there is one whatever the vectors. Return the answer, and what
    was stored.

    Raises:
        ProviderError: as `MemoryStore.store` and `MemoryStore.find`.
    """
    if least is not UNSET:
        there = await _nearest(provider, memory, least)
        if there is not None and there.memory_id != memory.memory_id:  # else it is a repeat, which is answered again
            return there, None
    stored = await provider.store(memory)
    return RememberResponse(stored.id, stored_or_accepted(stored)), stored


async def _nearest(provider: MemoryStore, memory: NewMemory, least: float) -> RememberResponse | None:
    query = RecallQuery(
        owner=memory.owner, query=memory.content, limit=_NEAREST, options=AnswerOptions(alike=True, explain=True)
    )
    text = fingerprint(memory.content)
    with looking():
        found = await provider.find(query)
    for record in found.memories:
        if fingerprint(record.content) == text:
            return RememberResponse(record.id, "exists", 1.0)
        cosine = None if record.explanation is None else record.explanation.cosine
        if cosine is not None and cosine >= least:
            return RememberResponse(record.id, "exists", min(cosine, 1.0))
    return None
