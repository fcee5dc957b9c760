"""An answer that is encoded in parts is the answer that the framework would have encoded at once."""

import asyncio
from datetime import UTC, datetime
from typing import cast

import pytest
from litestar import Response
from litestar.serialization import default_serializer, encode_json
from msgspec import Struct

from app.http import batch_schemas, schemas
from app.http.answers import AT_ONCE, in_parts, of_memories
from app.http.problems import problem_of
from providers.errors import MemoryNotFound
from providers.timing.turns import SLICE_SECONDS
from providers.types import MemoryRecord
from tests.support.turning import CountingClock, turns_during

MEMORY = MemoryRecord(
    id="1", user_id="kannan", content='"tea"', metadata={"a": 1.5}, created_at=datetime.now(UTC), updated_at=None
)
RECALLED = batch_schemas.RecallItem(status="answered", memories=[MEMORY, MEMORY], count=2)
LONG = batch_schemas.RecallItem(status="answered", memories=[MEMORY] * 30, count=30)
FAILED = batch_schemas.RecallItem(status="failed", problem=problem_of(MemoryNotFound("1")))


@pytest.mark.parametrize(
    "answer",
    [
        batch_schemas.RecallBatchResponse([RECALLED] * 3, 3, 0),
        batch_schemas.RecallBatchResponse([RECALLED], 1, 0),
        batch_schemas.RecallBatchResponse([], 0, 0),
        batch_schemas.RecallBatchResponse([RECALLED, FAILED, LONG, RECALLED], 3, 1),
        batch_schemas.RememberBatchResponse([batch_schemas.RememberItem(status="stored", memory_id="1")] * 25, 25, 0),
        schemas.RecallResponse([MEMORY] * 25, 25),
        schemas.RecallResponse([], 0),
        schemas.ListResponse([MEMORY] * 20, 20, None),
        schemas.ListResponse([MEMORY] * 11, 11, "next"),
        batch_schemas.RememberBatchResponse([batch_schemas.RememberItem(status="stored", memory_id="1")] * 2, 2, 0),
    ],
)
async def test_the_bytes_are_the_same(answer: Struct) -> None:
    """Whatever number of items there is, and with the status that is wanted."""
    response = await in_parts(answer, 202)

    assert response.status_code == 202
    assert response.render(response.content, "application/json", default_serializer) == encode_json(answer)
    assert isinstance(response, Response)


@pytest.mark.parametrize(
    ("answer", "turns"),
    [
        (schemas.ListResponse([MEMORY] * 100, 100, None), 10),
        (batch_schemas.RecallBatchResponse([LONG, RECALLED, LONG], 3, 0), 3 + 1 + 3),
        (
            batch_schemas.RememberBatchResponse(
                [batch_schemas.RememberItem(status="stored", memory_id="1")] * 100, 100, 0
            ),
            10,
        ),
    ],
)
async def test_a_turn_is_taken_after_a_few_memories(answer: Struct, turns: int) -> None:
    """Ten at a time, also of one question of many."""
    work = asyncio.create_task(in_parts(answer, clock=CountingClock(2 * SLICE_SECONDS)))

    assert await turns_during(work) == turns + 1


async def test_a_small_answer_is_left_to_the_framework() -> None:
    """One with more memories than are encoded at once is not."""
    few, many = (schemas.RecallResponse([MEMORY] * count, count) for count in (AT_ONCE, AT_ONCE + 1))

    assert (await of_memories(few)).content is few
    assert bytes(cast("bytes", (await of_memories(many)).content)) == encode_json(many)
