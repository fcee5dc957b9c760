"""Examples of every operation: what to send, so that it succeeds on a service just started, and what is answered."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar.openapi.spec import OpenAPI, OpenAPIResponse, Operation, Parameter, RequestBody
from msgspec import Struct

from app.auth.anonymous import ANONYMOUS
from app.http import schemas
from app.http.cursors import cursor_after
from app.http.openapi.walking import operations_of
from app.settings.model import AuthSettings
from providers.filters import Eq
from providers.states.clock import keyed_memory_id
from providers.types import MemoryRecord

_KEY = "example-1"
_USER = AuthSettings().default_user
# The one that `remember` stores without an API key, for nobody in particular, under the key of its example.
_ID = keyed_memory_id(ANONYMOUS, _USER, _KEY)
_MEMORY = MemoryRecord(
    id=_ID,
    user_id=_USER,
    content="Masala tea, no sugar",
    metadata={"topic": "tea"},
    created_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    updated_at=datetime(2026, 3, 2, 18, tzinfo=UTC),  # the framework would leave out what is null
)
_HIT = msgspec.structs.replace(_MEMORY, similarity_score=0.87)
_CHANGED = msgspec.structs.replace(_MEMORY, content="Masala tea, one sugar")
_REMEMBER = schemas.RememberRequest(_MEMORY.content, _MEMORY.metadata)
_RECALL = schemas.RecallRequest("how do I take my tea?", limit=5)

# By the ids of operations: bodies, and answers with the status 200.
_BODIES: dict[str, Struct] = {
    "remember": schemas.SingleRememberRequest(_REMEMBER.content, _REMEMBER.metadata),
    "recall": schemas.SingleRecallRequest(_RECALL.query, limit=5, where=Eq("topic", "tea")),
    "updateMemory": schemas.UpdateRequest(_CHANGED.content),
    "rememberBatch": schemas.RememberBatchRequest([_REMEMBER, schemas.RememberRequest("Green tea in the evening")]),
    "recallBatch": schemas.RecallBatchRequest([_RECALL, schemas.RecallRequest("what do I drink in the evening?")]),
    "setBreaker": schemas.BreakerChange("auto", "back to normal"),
    "setOrder": schemas.OrderRequest(["native"]),
}
_ANSWERS: dict[str, Struct] = {
    "remember": schemas.RememberResponse(_ID),
    "recall": schemas.RecallResponse([_HIT], 1),
    "listMemories": schemas.ListResponse([_MEMORY], 1, cursor_after(_MEMORY, "native")),
    "deleteAllMemories": schemas.DeleteAllResponse(2, more=False),
    "getMemory": _MEMORY,
    "updateMemory": _CHANGED,
    "deleteMemory": schemas.DeleteResponse(_ID),
    "rememberBatch": schemas.RememberBatchResponse([schemas.RememberItem(status="stored", memory_id=_ID)], 1, 0),
    "recallBatch": schemas.RecallBatchResponse([schemas.RecallItem(status="answered", memories=[_HIT], count=1)], 1, 0),
}
# Of parameters that have no other value that would do.
_PARAMETERS: dict[str, Any] = {
    "memory_id": _ID,
    "confirm": "everything",
    "name": "native",
    "provider": "native",
    "other": "native",
    "seq": 1,
}
_KEYED = "remember"


def add_examples(document: OpenAPI) -> None:
    """Add to each operation what it is to be sent, and what it answers."""
    for _, _, operation in operations_of(document):
        name = operation.operation_id or ""
        if isinstance(operation.request_body, RequestBody) and name in _BODIES:
            for content in operation.request_body.content.values():
                content.example = _without_defaults(_BODIES[name])
        answer = (operation.responses or {}).get("200")
        if isinstance(answer, OpenAPIResponse) and name in _ANSWERS:
            for content in (answer.content or {}).values():
                content.example = msgspec.to_builtins(_ANSWERS[name])
        _of_parameters(operation)


def _without_defaults(value: object) -> object:
    """Return a body as a client writes it: without the fields that it need not send."""
    if isinstance(value, Struct):
        kept = {
            field.encode_name: _without_defaults(getattr(value, field.name))
            for field in msgspec.structs.fields(value)
            if getattr(value, field.name) != field.default
        }
        config = value.__struct_config__
        return kept if config.tag_field is None else {config.tag_field: config.tag, **kept}
    return [_without_defaults(one) for one in value] if isinstance(value, list) else value


def _of_parameters(operation: Operation) -> None:
    for parameter in operation.parameters or ():
        if isinstance(parameter, Parameter):
            parameter.example = _PARAMETERS.get(parameter.name)
            if operation.operation_id == _KEYED and parameter.name == "Idempotency-Key":
                parameter.example = _KEY
