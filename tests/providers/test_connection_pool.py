"""A pool of connections over HTTP closes each of them, whenever it is given back."""

import asyncio

import httpx
import pytest

from providers.wire.connection_pool import ConnectionPool


class Connection(httpx.AsyncBaseTransport):
    """A connection that knows whether it was closed."""

    def __init__(self) -> None:
        self.closed = False

    async def aclose(self) -> None:
        """Close it."""
        self.closed = True


async def test_a_connection_is_used_again_until_the_pool_is_closed() -> None:
    """Closing ends what is idle."""
    pool = ConnectionPool(Connection, 2)
    async with pool.acquire() as first:
        pass
    async with pool.acquire() as second:
        pass
    assert second is first
    assert isinstance(first, Connection)
    assert not first.closed

    await pool.close()
    assert first.closed


async def test_a_connection_in_use_is_closed_once_it_is_given_back() -> None:
    """A request may end after its provider was closed: what it was sent over would stay open for good."""
    pool = ConnectionPool(Connection, 1)
    async with pool.acquire() as connection:
        await pool.close()
        assert isinstance(connection, Connection)
        assert not connection.closed
    await asyncio.sleep(0)
    assert connection.closed


async def test_a_connection_that_failed_is_closed() -> None:
    """Nobody knows what would come over it next."""
    pool = ConnectionPool(Connection, 1)
    with pytest.raises(httpx.ReadError):
        async with pool.acquire() as connection:
            raise httpx.ReadError("the peer is gone")
    await pool.close()
    assert isinstance(connection, Connection)
    assert connection.closed
