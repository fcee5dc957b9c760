"""Examples of every operation: what to send, so that it succeeds on a service just started, and what is answered.

They belong together: what the examples of `remember` and `rememberBatch` store without an API key, under the keys that
they carry, has the ids that the other examples name. `needs.py` tells which of them need more than that.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar.openapi.spec import Example, OpenAPI, OpenAPIResponse, Operation, Parameter, RequestBody
from msgspec import Struct

from app.auth.anonymous import ANONYMOUS
from app.erasure.schemas import ErasuresResponse, receipt_of
from app.http import batch_schemas, change_schemas, key_schemas, operator_schemas, portable_schemas, schemas
from app.http.cursors import Cursors
from app.http.feed_cursors import feed_cursor
from app.http.feed_schemas import AdminChangesResponse, ChangesResponse, MemoryChange, OwnersChange
from app.http.history_schemas import HistoryResponse, MemoryVersion
from app.http.idempotency import HEADER
from app.http.journal_cursors import JournalPlace, journal_cursor
from app.http.openapi.walking import operations_of
from app.http.remember_schemas import RememberOneRequest, RememberRequest, RememberResponse
from app.portable.format import FORMAT, VERSION, HeaderLine, TrailerLine, encode, memory_line, version_line
from app.settings.auth import AuthSettings
from providers.erasure.fences import KEY_BYTES, hash_of
from providers.erasure.receipts import ErasedInJournal, Erasure, StoreErasure
from providers.feed import FeedPosition
from providers.filters import Eq
from providers.journal.changes import JournalPosition
from providers.owners import Owner
from providers.source import WriteSource
from providers.states.clock import keyed_memory_id
from providers.types import MemoryRecord, PageQuery

_CONFIRM = "confirm"
_KEYS = {"remember": "example-1", "rememberBatch": "example-2"}
_USER = AuthSettings().default_user
_ID = keyed_memory_id(ANONYMOUS, _USER, _KEYS["remember"])
# Another one to be deleted: nothing can be stored under the key of a deleted memory.
_BATCHED = keyed_memory_id(ANONYMOUS, _USER, _KEYS["rememberBatch"], "1")
_IMPORTED = keyed_memory_id(ANONYMOUS, _USER, "example-3")
_BATCHED_FIRST = keyed_memory_id(ANONYMOUS, _USER, _KEYS["rememberBatch"], "0")
_MEMORY = MemoryRecord(
    id=_ID,
    user_id=_USER,
    content="Masala tea, no sugar",
    metadata={"topic": "tea"},
    created_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    source=WriteSource(caller=ANONYMOUS, at=datetime(2026, 3, 2, 18, tzinfo=UTC)),
    updated_at=datetime(2026, 3, 2, 18, tzinfo=UTC),  # the framework would leave out what is null
)
# Of no service: the document is the same wherever it is read.
_CURSORS = Cursors(b"an example", _MEMORY.created_at.timestamp)
_CURSOR = _CURSORS.after(_MEMORY, "native", PageQuery(owner=Owner(_USER)))
_HIT = msgspec.structs.replace(_MEMORY, similarity_score=0.87)
_CHANGED = msgspec.structs.replace(_MEMORY, content="Masala tea, one sugar")
_VERSION = "116310761472000000"
_KEY = "notes/tea"
_KEYED = msgspec.structs.replace(_MEMORY, key=_KEY)
_KEY_IN_BODY = "plans/tea"
_REMEMBER = RememberRequest(_MEMORY.content, _MEMORY.metadata)
_BATCHED_MEMORY = batch_schemas.BatchedMemory(_MEMORY.content, _MEMORY.metadata)
_RECALL = schemas.RecallRequest("how do I take my tea?", limit=5)
_CHANGE = change_schemas.UpdateItem(memory_id=_ID, content=_CHANGED.content)
CHANGES = ChangesResponse(
    [
        MemoryChange(change="changed", memory_id=_ID, memory=_CHANGED),
        MemoryChange(change="deleted", memory_id=_BATCHED),
    ],
    feed_cursor(_CURSORS, Owner(_USER), "native", FeedPosition("3b1f0c5e9a77", 4_711)),
    more=False,
)
ALL_CHANGES = AdminChangesResponse(
    [
        OwnersChange(change="changed", user_id=_USER, memory_id=_ID, memory=_CHANGED),
        OwnersChange(change="deleted", user_id=_USER, memory_id=_BATCHED),
    ],
    journal_cursor(_CURSORS, JournalPlace(JournalPosition("3b1f0c5e9a77", 4_711, 4_711, 1_772_452_800.0))),
    more=False,
    quarantines=[],
)

_ERASURE = receipt_of(
    Erasure(
        id="0b7e1c2d-5a4f-4c3b-9e8d-7f6a5b4c3d2e",
        owner="",
        hash=hash_of("00" * KEY_BYTES, "nobody"),
        requested_at=_MEMORY.created_at.timestamp(),
        version=115_000_000_000_000_000,
        stores=(
            StoreErasure(
                provider="native",
                states=2,
                ids=2,
                listed=True,
                questions=2,
                stays=("the pages of the tables, until VACUUM FULL or new rows overwrite them",),
                erased_at=_MEMORY.created_at.timestamp() + 1,
            ),
        ),
        journal=ErasedInJournal(operations=2, deliveries=1),
        finished_at=_MEMORY.created_at.timestamp() + 1,
        confirmed_at=_MEMORY.created_at.timestamp() + 3_601,
    )
)

# By the ids of operations: bodies, and answers with the status 200.
_BODIES: dict[str, Struct] = {
    "remember": RememberOneRequest(_REMEMBER.content, metadata=_REMEMBER.metadata),
    "recall": schemas.SingleRecallRequest(_RECALL.query, limit=5, where=Eq("topic", "tea")),
    "updateMemory": schemas.UpdateRequest(_CHANGED.content),
    "rememberBatch": batch_schemas.RememberBatchRequest(
        [_BATCHED_MEMORY, batch_schemas.BatchedMemory("Green tea in the evening")]
    ),
    "queryMemories": schemas.ListRequest(where=Eq("topic", "tea"), order="oldest"),
    "updateBatch": change_schemas.UpdateBatchRequest([_CHANGE]),
    "deleteBatch": change_schemas.DeleteBatchRequest([_BATCHED_FIRST]),
    "recallBatch": batch_schemas.RecallBatchRequest(
        [_RECALL, schemas.RecallRequest("what do I drink in the evening?")]
    ),
    "putByKey": key_schemas.KeptRequest(content=_MEMORY.content),
    "putKey": key_schemas.PutKeyRequest(key=_KEY_IN_BODY, content=_CHANGED.content),
    "getKey": key_schemas.KeyRequest(_KEY_IN_BODY),
    "deleteKey": key_schemas.KeyRequest(_KEY_IN_BODY),
    "renameKeys": key_schemas.RenameRequest("plans/", "plans/", prefix=True),
    "listKeys": key_schemas.ListKeysRequest("plans/", 1),
    "setBreaker": operator_schemas.BreakerChange("auto", "back to normal"),
    "setMode": operator_schemas.ModeRequest("read_write"),
    "addQuarantine": operator_schemas.QuarantineRequest(_MEMORY.created_at, key="agent", reason="it leaked"),
    "setOrder": operator_schemas.OrderRequest(["native"]),
}
_ANSWERS: dict[str, Struct] = {
    "remember": RememberResponse(_ID, "stored"),
    "recall": schemas.RecallResponse([_HIT], 1),
    "listMemories": schemas.ListResponse([_MEMORY], 1, _CURSOR),
    "queryMemories": schemas.ListResponse([_MEMORY], 1, _CURSOR),
    "listChanges": CHANGES,
    "listAllChanges": ALL_CHANGES,
    "updateBatch": change_schemas.UpdateBatchResponse(
        [change_schemas.UpdateResult(memory_id=_ID, status="updated", memory=_CHANGED)], 1, 0
    ),
    "deleteBatch": change_schemas.DeleteBatchResponse(
        [change_schemas.DeleteResult(memory_id=_BATCHED_FIRST, status="deleted")], 1, 0
    ),
    "importMemories": portable_schemas.ImportResponse(
        [
            portable_schemas.ImportResult(line=1, status="skipped"),
            portable_schemas.ImportResult(line=2, status="stored", memory_id=_IMPORTED),
            portable_schemas.ImportResult(line=3, status="stored", memory_id=_IMPORTED, version=_VERSION),
            portable_schemas.ImportResult(line=4, status="skipped"),
        ],
        stored=1,
        kept=0,
        skipped=2,
        failed=0,
        versions=1,
    ),
    "listVersions": HistoryResponse([MemoryVersion(version=_VERSION, current=True, memory=_MEMORY)], _VERSION),
    "restoreVersion": _MEMORY,
    "deleteAllMemories": schemas.DeleteAllResponse(2, more=False),
    "eraseUser": _ERASURE,
    "eraseNamedUser": _ERASURE,
    "getErasure": _ERASURE,
    "getOwnErasure": _ERASURE,
    "listErasures": ErasuresResponse([_ERASURE], 1),
    "getMemory": _MEMORY,
    "updateMemory": _CHANGED,
    "deleteMemory": schemas.DeleteResponse(_BATCHED),
    "putByKey": key_schemas.PutKeyResponse(_KEY, _KEYED.id, created=True),
    "getByKey": _KEYED,
    "deleteByKey": schemas.DeleteResponse(_KEYED.id),
    "putKey": key_schemas.PutKeyResponse(_KEY_IN_BODY, _ID, created=False),
    "getKey": msgspec.structs.replace(_MEMORY, key=_KEY_IN_BODY),
    "deleteKey": schemas.DeleteResponse(_ID),
    "renameKeys": key_schemas.RenameResponse(1),
    "listKeys": key_schemas.ListKeysResponse([key_schemas.ListedKey(_KEY_IN_BODY, _ID, 19)], [], 1),
    "rememberBatch": batch_schemas.RememberBatchResponse(
        [batch_schemas.RememberItem(status="stored", memory_id=_ID)], 1, 0
    ),
    "recallBatch": batch_schemas.RecallBatchResponse(
        [batch_schemas.RecallItem(status="answered", memories=[_HIT], count=1)], 1, 0
    ),
}
# By the ids of operations: bodies, and answers with the status 200, of lines.
_LINES = "".join(
    encode(line).decode()
    for line in (
        HeaderLine(kind="header", format=FORMAT, version=VERSION, user_id=_USER),
        memory_line(msgspec.structs.replace(_MEMORY, id=_IMPORTED)),
        version_line(msgspec.structs.replace(_MEMORY, id=_IMPORTED, version=int(_VERSION))),
        TrailerLine(kind="trailer", memories=1, versions=1, tombstones=0),
    )
)
_TEXT_BODIES = {"importMemories": _LINES}
_TEXT_ANSWERS = {"exportMemories": _LINES, "exportUser": _LINES, "exportNamedUser": _LINES}
# Of parameters that have no other value that would do.
_PARAMETERS: dict[str, Any] = {
    "memory_id": _ID,
    "key": _KEY,
    _CONFIRM: "everything",
    "name": "native",
    "provider": "native",
    "other": "mem0",
    "seq": 1,
    "quarantine_id": "9f2c41d07ab3",
    "erasure_id": _ERASURE.erasure_id,
    "version": _VERSION,
}


@dataclass
class SentExample(Example):
    """An example of an optional parameter that the page at `/docs` is to send all the same."""

    x_disabled: bool = field(default=False, metadata={"alias": "x-disabled"})


def add_examples(document: OpenAPI) -> None:
    """Add to each operation what it is to be sent, and what it answers."""
    for _, _, operation in operations_of(document):
        name = operation.operation_id or ""
        body = _TEXT_BODIES.get(name) or _without_defaults(_BODIES.get(name))
        if isinstance(operation.request_body, RequestBody) and body is not None:
            for content in operation.request_body.content.values():
                content.example = body
        answer = (operation.responses or {}).get("200")
        said = _TEXT_ANSWERS.get(name) or msgspec.to_builtins(_ANSWERS.get(name))
        if isinstance(answer, OpenAPIResponse) and said is not None:
            for content in (answer.content or {}).values():
                content.example = said
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
            parameter.example = _example_of(parameter.name, operation.operation_id or "")
            key = _KEYS.get(operation.operation_id or "")
            if parameter.name == HEADER and key is not None:
                parameter.examples = {"default": SentExample(value=key)}


def _example_of(parameter: str, operation: str) -> object:
    if operation == "deleteMemory" and parameter == "memory_id":
        return _BATCHED
    if operation in {"exportUser", "exportNamedUser"} and parameter == "user_id":
        return _USER
    if operation in {"eraseUser", "eraseNamedUser"} and parameter == "user_id":
        return "nobody"
    if operation == "discardDeadLetter" and parameter == _CONFIRM:
        return True
    return _PARAMETERS.get(parameter)
