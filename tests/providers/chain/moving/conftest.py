"""A stage with an empty store of each kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.providers.chain.moving.stores import MovingStage, moving_stage
from tests.support.opensearch import OpenSearchServer
from tests.support.pinecone.running import PineconeServer
from tests.support.redis import RedisServer


@pytest.fixture
async def stage(
    tmp_path: Path,
    database: str,
    redis_server: RedisServer,
    opensearch_server: OpenSearchServer,
    pinecone_server: PineconeServer,
) -> AsyncIterator[MovingStage]:
    """An empty store of each kind, and no order yet."""
    async with moving_stage(tmp_path, database, redis_server, opensearch_server, pinecone_server) as opened:
        yield opened
