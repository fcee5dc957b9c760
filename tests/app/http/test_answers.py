"""An answer that is encoded in parts is the answer that the framework would have encoded at once."""

from datetime import UTC, datetime

import pytest
from litestar import Response
from litestar.serialization import default_serializer, encode_json
from msgspec import Struct

from app.http import schemas
from app.http.answers import in_parts
from providers.types import MemoryRecord

MEMORY = MemoryRecord(
    id="1", user_id="kannan", content='"tea"', metadata={"a": 1.5}, created_at=datetime.now(UTC), updated_at=None
)
RECALLED = schemas.RecallItem(status="answered", memories=[MEMORY, MEMORY], count=2)


@pytest.mark.parametrize(
    "answer",
    [
        schemas.RecallBatchResponse([RECALLED] * 3, 3, 0),
        schemas.RecallBatchResponse([RECALLED], 1, 0),
        schemas.RecallBatchResponse([], 0, 0),
        schemas.RememberBatchResponse([schemas.RememberItem(status="stored", memory_id="1")] * 2, 2, 0),
    ],
)
async def test_the_bytes_are_the_same(answer: Struct) -> None:
    """Whatever number of items there is, and with the status that is wanted."""
    response = await in_parts(answer, 202)

    assert response.status_code == 202
    assert response.render(response.content, "application/json", default_serializer) == encode_json(answer)
    assert isinstance(response, Response)
