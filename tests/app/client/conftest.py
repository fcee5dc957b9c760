"""Our client, in front of the application over memory alone."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from litestar import Litestar

from ninaivalaigal import AsyncClient
from tests.support.api import BASE_URL, asgi_client, fresh_user


@pytest.fixture
def user() -> str:
    """A user whose name is not Latin, and whom nobody has used before."""
    return f"用户 {fresh_user()}/%"


@pytest_asyncio.fixture
async def client(mock_app: Litestar, user: str) -> AsyncIterator[AsyncClient]:
    """A client of that user."""
    async with asgi_client(mock_app) as http, AsyncClient(BASE_URL, user=user, http=http) as client:
        yield client
