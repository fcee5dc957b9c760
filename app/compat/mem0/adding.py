"""Messages as memories, each word for word; where a model is configured, the facts that they say beside them."""

from datetime import UTC, datetime

from app.auth.caller import Caller
from app.compat.calls import ProtocolCall
from app.compat.mem0.expiration import expiry_of
from app.compat.mem0.facts import facts_beside
from app.compat.mem0.ids import sealed
from app.compat.mem0.records import AddAnswer, AddedMemory, AddedText
from app.compat.mem0.requests import AddBody, SaidMessage, refuse_unserved
from app.compat.mem0.users import caller_named
from app.http.admission import price
from app.http.problems import problem_of
from app.http.remember_schemas import RememberRequest, origin_of
from providers import limits
from providers.answers import Stored
from providers.errors import InvalidInput, ProviderError
from providers.types import NewMemory

VERBATIM = "Stored word for word: this service draws no conclusions from messages (infer)."
UNCHANGED = "Stored word for word."
MAX_MESSAGES = 100


async def add_messages(call: ProtocolCall, body: AddBody) -> AddAnswer:
    """Store each message as a memory; what breaks a rule is refused before anything is stored.

    Unless `infer` is false, facts are extracted when all messages are stored; whatever fails then fails no request.
    """
    refuse_unserved(body.enable_graph)
    said = body.said
    if not said:
        return AddAnswer(message="Nothing to store.", status="SUCCEEDED", results=[])
    limits.check_batch("messages", said, MAX_MESSAGES)
    caller = caller_named(call, body)
    ids = call.ids(caller)
    moment = None if body.timestamp is None else _moment(body.timestamp)
    expires_at, lifetime = expiry_of(body.expiration_date), call.lifetime(caller)
    requests = [
        RememberRequest(
            message.text,
            body.metadata,
            moment,
            expires_at,
            origin=origin_of(message.role),
            speaker=message.role,
            **body.labels.own,
        )
        for message in said
    ]
    memories = [
        limits.check_new_memory(request.memory(caller.owner, ids.memory(place), lifetime))
        for place, request in enumerate(requests)
    ]
    await call.admission.charge(price.of_memories(requests))
    outcomes = await call.provider.store_many(memories)
    if all(isinstance(outcome, ProviderError) for outcome in outcomes):
        raise next(outcome for outcome in outcomes if isinstance(outcome, ProviderError))
    results = [
        _added(outcome, memory, message, caller)
        for outcome, memory, message in zip(outcomes, memories, said, strict=True)
    ]
    stored = [outcome.id for outcome in outcomes if isinstance(outcome, Stored)]
    if len(stored) < len(said):
        return AddAnswer(message=VERBATIM, status="FAILED", results=results)
    if call.extractor is None:
        return AddAnswer(message=VERBATIM, status="SUCCEEDED", results=results)
    if body.infer is False:
        return AddAnswer(message=UNCHANGED, status="SUCCEEDED", results=results)
    beside = await facts_beside(call, call.extractor, caller, requests, stored)
    return AddAnswer(message=beside.message, status="SUCCEEDED", results=[*results, *beside.facts])


def _added(outcome: Stored | ProviderError, memory: NewMemory, message: SaidMessage, caller: Caller) -> AddedMemory:
    data = AddedText(memory.content)
    if isinstance(outcome, Stored):
        memory_id = sealed(outcome.id, caller.user_id)
        return AddedMemory(id=memory_id, memory=memory.content, event="ADD", data=data, role=message.role)
    error = problem_of(outcome).detail
    return AddedMemory(memory=memory.content, event="FAILED", data=data, role=message.role, error=error)


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidInput("timestamp", "must be seconds since 1970") from None
