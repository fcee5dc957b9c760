"""What the clients of a load take from an answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec import Struct

from tests.faults.load import CLIENTS, Load
from tests.simulation.events import Ending
from tests.simulation.history import broken_promises


class Place(Struct, frozen=True):
    """Where somebody answers."""

    url: str


@asynccontextmanager
async def answering(status: int) -> AsyncIterator[Place]:
    """Answer every request with one status, and with nothing else."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield Place(f"http://{host}:{port}")


@pytest.mark.parametrize("status", [400, 401, 403, 408, 429, 500])
async def test_who_is_refused_has_done_nothing(status: int) -> None:
    """It is said with its status, since no run refuses anybody, and breaks no promise beside."""
    async with answering(status) as place:
        load = Load(place, 1)
        await load.run(CLIENTS)

    assert [event.ending for event in load.events] == [Ending.UNKNOWN] * CLIENTS
    assert len([said for said in load.surprises if f": {status} " in said]) == CLIENTS
    assert broken_promises(load.events) == []


@pytest.mark.parametrize(("status", "ending"), [(404, Ending.ABSENT), (409, Ending.CONFLICT), (410, Ending.ABSENT)])
async def test_what_is_answered_surprises_nobody(status: int, ending: Ending) -> None:
    """These tell what became of an act."""
    async with answering(status) as place:
        load = Load(place, 1)
        await load.run(CLIENTS)

    assert [event.ending for event in load.events] == [ending] * CLIENTS
    assert load.surprises == []
