"""Messages as memories, each word for word."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from app.auth.caller import Caller
from app.compat.calls import ProtocolCall
from app.compat.mem0.ids import sealed
from app.compat.mem0.labels import labelled
from app.compat.mem0.records import AddAnswer, AddedMemory, AddedText
from app.compat.mem0.requests import AddBody, Message, refuse_unserved
from app.compat.mem0.users import caller_named
from app.http.admission import price
from app.http.problems import problem_of
from app.http.schemas import RememberRequest
from providers import limits
from providers.answers import Stored
from providers.errors import InvalidInput, ProviderError
from providers.types import NewMemory

VERBATIM = "Stored word for word: this service draws no conclusions from messages (infer)."
MAX_MESSAGES = 100
_APART = timedelta(microseconds=1)


def _now() -> datetime:
    return datetime.now(UTC)


async def add_messages(call: ProtocolCall, body: AddBody, clock: Callable[[], datetime] = _now) -> AddAnswer:
    """Store each message as a memory; what breaks a rule is refused before anything is stored."""
    refuse_unserved(body.expiration_date, body.enable_graph)
    said = body.said
    if not said:
        return AddAnswer(message="Nothing to store.", status="SUCCEEDED", results=[])
    limits.check_batch("messages", said, MAX_MESSAGES)
    caller = caller_named(call, body)
    ids = call.ids(caller)
    # Within a millisecond a list is in the order of ids, which is that of chance.
    moment = clock() if body.timestamp is None else _moment(body.timestamp)
    memories = [
        limits.check_new_memory(
            NewMemory(
                owner=caller.owner,
                content=message.text,
                metadata=labelled(body.metadata, replace(body.labels, role=_role(message))),
                memory_id=ids.memory(place),
                created_at=moment + place * _APART,
            )
        )
        for place, message in enumerate(said)
    ]
    await call.admission.charge(price.of_memories(RememberRequest(memory.content) for memory in memories))
    outcomes = await call.provider.store_many(memories)
    if all(isinstance(outcome, ProviderError) for outcome in outcomes):
        raise next(outcome for outcome in outcomes if isinstance(outcome, ProviderError))
    results = [
        _added(outcome, memory, message, caller)
        for outcome, memory, message in zip(outcomes, memories, said, strict=True)
    ]
    whole = all(result.error is None for result in results)
    return AddAnswer(message=VERBATIM, status="SUCCEEDED" if whole else "FAILED", results=results)


def _added(outcome: Stored | ProviderError, memory: NewMemory, message: Message, caller: Caller) -> AddedMemory:
    data = AddedText(memory.content)
    if isinstance(outcome, Stored):
        memory_id = sealed(outcome.id, caller.user_id)
        return AddedMemory(id=memory_id, memory=memory.content, event="ADD", data=data, role=message.role)
    error = problem_of(outcome).detail
    return AddedMemory(memory=memory.content, event="FAILED", data=data, role=message.role, error=error)


def _role(message: Message) -> str | None:
    return None if message.role == "user" else message.role


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidInput("timestamp", "must be seconds since 1970") from None
