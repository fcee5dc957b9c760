"""The facts of messages that were added, as mem0's clients are told of them."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from app.auth.caller import Caller
from app.compat.calls import ProtocolCall
from app.compat.mem0.ids import sealed
from app.compat.mem0.records import AddedMemory, AddedText
from app.extraction.extractor import SOURCES, Extractor, Sources
from app.extraction.facts import Fact, Said
from app.extraction.outcomes import BUSY, OK, PENDING, REPEATED, TOO_LARGE, StoredFact
from app.http.remember_schemas import RememberRequest
from providers.types import NewMemory

EXTRACTED = "Stored word for word, and beside it the facts that it says."
NOTHING_EXTRACTED = "Stored word for word; no facts could be extracted from it now."
MESSAGES = {
    OK: EXTRACTED,
    REPEATED: EXTRACTED,
    PENDING: "Stored word for word; the facts that it says will be stored beside it in a while.",
    TOO_LARGE: "Stored word for word; it is too long for facts to be extracted from it.",
    BUSY: "Stored word for word; too much else waits for facts to be extracted from it.",
}


class FactsBeside(Struct, frozen=True):
    """What has come of the extraction, in words, and the facts that are stored by now."""

    message: str
    facts: list[AddedMemory]


async def facts_beside(
    call: ProtocolCall, extractor: Extractor, caller: Caller, messages: Sequence[RememberRequest], ids: Sequence[str]
) -> FactsBeside:
    """Extract facts from messages that are stored under these ids."""
    lifetime = call.lifetime(caller)

    def memory_of(fact: Fact, memory_id: str) -> NewMemory:
        first = messages[fact.sources[0]]
        metadata = {**(first.metadata or {}), SOURCES: [ids[place] for place in fact.sources]}
        return replace(first, content=fact.text, metadata=metadata).memory(caller.owner, memory_id, lifetime)

    sources = Sources(
        owner=caller.owner,
        ids=ids,
        said=[Said(message.speaker or "", message.content) for message in messages],
        memory=memory_of,
        repeatable=call.key is not None,
    )
    extraction = await extractor.extract(sources)
    facts = [_added(fact, caller.user_id) for fact in extraction.facts]
    return FactsBeside(MESSAGES.get(extraction.outcome, NOTHING_EXTRACTED), facts)


def _added(fact: StoredFact, user: str) -> AddedMemory:
    return AddedMemory(
        id=sealed(fact.id, user),
        memory=fact.text,
        event="ADD",
        data=AddedText(fact.text),
        sources=[sealed(one, user) for one in fact.sources],
    )
