"""The examples in the OpenAPI document: sent as they are, they succeed."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest_asyncio

from app.http import batch_schemas, change_schemas, key_schemas, schemas
from app.http.feed_schemas import ChangesResponse
from app.http.history_schemas import HistoryResponse
from app.http.remember_schemas import RememberResponse
from providers.types import MemoryRecord
from tests.support.api import asgi_client, running_app
from tests.support.chains import wait_until_complete
from tests.support.document import openapi_document
from tests.support.prefilled import NEEDS_WHAT_IS_NOT_THERE, Prefilled, prefilled

TWO_PROVIDERS = {
    "NINAI__ORDER": '["native", "mem0"]',
    "NINAI__PROVIDERS__NATIVE__KIND": "mock",
    "NINAI__PROVIDERS__MEM0__KIND": "mock",
}
ANSWERS: dict[str, type[msgspec.Struct]] = {
    "remember": RememberResponse,
    "recall": schemas.RecallResponse,
    "listMemories": schemas.ListResponse,
    "listChanges": ChangesResponse,
    "deleteAllMemories": schemas.DeleteAllResponse,
    "getMemory": MemoryRecord,
    "updateMemory": MemoryRecord,
    "listVersions": HistoryResponse,
    "restoreVersion": MemoryRecord,
    "deleteMemory": schemas.DeleteResponse,
    "rememberBatch": batch_schemas.RememberBatchResponse,
    "recallBatch": batch_schemas.RecallBatchResponse,
    "queryMemories": schemas.ListResponse,
    "updateBatch": change_schemas.UpdateBatchResponse,
    "deleteBatch": change_schemas.DeleteBatchResponse,
    "putByKey": key_schemas.PutKeyResponse,
    "getByKey": MemoryRecord,
    "deleteByKey": schemas.DeleteResponse,
    "putKey": key_schemas.PutKeyResponse,
    "getKey": MemoryRecord,
    "deleteKey": schemas.DeleteResponse,
    "renameKeys": key_schemas.RenameResponse,
    "listKeys": key_schemas.ListKeysResponse,
}

RECEIPT = "getOwnErasure"  # it has fields that are null, which the document leaves out of examples


@pytest_asyncio.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service over two providers that has just been started."""
    async with running_app({**TWO_PROVIDERS, "NINAI__DATA_DIR": str(tmp_path)}) as app, asgi_client(app) as client:
        await wait_until_complete(client)
        yield client


async def sent(http: httpx.AsyncClient, request: Prefilled) -> httpx.Response:
    """Send one of them."""
    body: dict[str, Any] = {} if request.body is None else {"json": request.body}
    if isinstance(request.body, str):
        body = {"content": request.body}
    return await http.request(request.method, request.path, params=request.params, headers=request.headers, **body)


async def test_every_operation_succeeds_as_prefilled(http: httpx.AsyncClient) -> None:
    """On a service just started, one after another; twice, but for what can be done once."""
    statuses = {one.operation: (await sent(http, one)).status_code for one in prefilled(openapi_document())}

    assert {operation for operation, status in statuses.items() if status != 200} == NEEDS_WHAT_IS_NOT_THERE


async def test_what_fails_on_one_provider_says_what_it_needs() -> None:
    """A service of one provider without a journal lacks more; everything else succeeds there, too."""
    document = openapi_document()
    operations = [one for item in document["paths"].values() for one in item.values()]
    telling = {one["operationId"] for one in operations if "The example needs " in one.get("description", "")}
    alone = {"NINAI__ORDER": '["native"]', "NINAI__PROVIDERS__NATIVE__KIND": "mock"}

    async with running_app(alone) as app, asgi_client(app) as client:
        statuses = {one.operation: (await sent(client, one)).status_code for one in prefilled(document)}

    assert {operation for operation, status in statuses.items() if status != 200} == telling
    assert telling > NEEDS_WHAT_IS_NOT_THERE
    assert len(telling) == 12  # as the page on the API says


async def test_the_examples_are_about_one_another(http: httpx.AsyncClient) -> None:
    """What is asked for is what was stored, and is found."""
    by_id = {one.operation: one for one in prefilled(openapi_document())}
    stored = (await sent(http, by_id["remember"])).json()
    again = (await sent(http, by_id["remember"])).json()
    got = (await sent(http, by_id["getMemory"])).json()
    found = (await sent(http, by_id["recall"])).json()

    assert stored["memory_id"] == again["memory_id"] == got["id"]
    assert got["id"] in {memory["id"] for memory in found["memories"]}


def test_every_body_and_every_answer_about_memories_has_an_example() -> None:
    """Of the type that the document says; what must be sent has one in any case."""
    document = openapi_document()
    operations = {one["operationId"]: one for item in document["paths"].values() for one in item.values()}

    for name, operation in operations.items():
        if "requestBody" in operation:
            assert all(content["example"] for content in operation["requestBody"]["content"].values())
        if name in ANSWERS:
            example = operation["responses"]["200"]["content"]["application/json"]["example"]
            msgspec.convert(example, ANSWERS[name])
            assert set(msgspec.to_builtins(msgspec.convert(example, ANSWERS[name]))) == set(example)
        assert all("example" in one for one in operation.get("parameters", ()) if one["required"])
    of_memories = {one for one, operation in operations.items() if set(operation["tags"]) & {"memory", "batch", "keys"}}
    assert of_memories == {*ANSWERS, RECEIPT}
