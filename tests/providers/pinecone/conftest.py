"""A fake Pinecone for each test, and providers on it."""

from collections.abc import AsyncIterator

import pytest

from tests.support.pinecone.running import DELAY
from tests.support.pinecone.server import FakePinecone


@pytest.fixture
async def fake() -> AsyncIterator[FakePinecone]:
    """An index whose reads are behind; whatever is sent to it has to be as Pinecone describes."""
    async with FakePinecone(delay=DELAY) as opened:
        yield opened
        assert opened.contract.broken == []
