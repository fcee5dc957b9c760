"""A client that hangs up leaves nobody else waiting for what it had asked."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.http.connections.disconnects import CancelOnDisconnect
from observability.http import Message, Receive, Scope, Send

SOON = 0.02  # seconds
RECALL: Scope = {"type": "http", "method": "POST", "path": "/memory/recall"}
LIST: Scope = {"type": "http", "method": "GET", "path": "/memory/memories"}
REMEMBER: Scope = {"type": "http", "method": "POST", "path": "/memory/remember"}


class Client:
    """One that sends a body in two pieces, or an empty one, and may leave."""

    def __init__(self, *, body: bool = True) -> None:
        self.leaves = asyncio.Event()
        self.sent: list[Message] = []
        first: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}] if body else []
        self._pieces = iter([*first, {"type": "http.request"}])
        self.asked_at_once = 0

    async def receive(self) -> Message:
        """The body, then the news that it has left."""
        self.asked_at_once += 1
        assert self.asked_at_once == 1, "two ask at once"
        try:
            piece = next(self._pieces, None)
            if piece is not None:
                return piece
            await self.leaves.wait()
            return {"type": "http.disconnect"}
        finally:
            self.asked_at_once -= 1

    async def send(self, message: Message) -> None:
        """Take a part of the answer."""
        self.sent.append(message)


class Work:
    """An application that reads the body and works until it is done, or cancelled."""

    def __init__(self, *, reads_body: bool = True) -> None:
        self.done = asyncio.Event()
        self.cancelled = False
        self._reads_body = reads_body

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        while self._reads_body and (await receive()).get("more_body"):
            pass
        try:
            await self.done.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        await send({"type": "http.response.start", "status": 200})


async def _begun(work: Work, client: Client, scope: Scope) -> "asyncio.Task[None]":
    task = asyncio.ensure_future(CancelOnDisconnect(work, SOON)(scope, client.receive, client.send))
    await asyncio.sleep(3 * SOON)
    return task


@pytest.mark.parametrize(("scope", "reads_body"), [(RECALL, True), (LIST, False)])
async def test_a_read_is_given_up(scope: Scope, reads_body: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """And ends without an error, and without an answer that nobody would read."""
    work, client = Work(reads_body=reads_body), Client(body=reads_body)
    task = await _begun(work, client, scope)
    client.leaves.set()
    await task

    assert (work.cancelled, client.sent) == (True, [])


async def test_a_write_goes_on() -> None:
    """It may have been begun, and is none to be broken off."""
    work, client = Work(), Client()
    task = await _begun(work, client, REMEMBER)
    client.leaves.set()
    await asyncio.sleep(3 * SOON)
    assert not task.done()

    work.done.set()
    await task
    assert not work.cancelled


async def test_who_stays_is_answered() -> None:
    """However long that takes; nothing is left that waits for it to leave."""
    work, client = Work(), Client()
    task = await _begun(work, client, RECALL)
    work.done.set()
    await task
    await asyncio.sleep(0)

    assert [message["status"] for message in client.sent] == [200]
    assert client.asked_at_once == 0


async def test_a_cancellation_by_others_is_no_hanging_up() -> None:
    """The end of the server goes through."""
    work, client = Work(), Client()
    task = await _begun(work, client, RECALL)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_body_that_is_still_to_come_is_read_by_one_alone() -> None:
    """Whoever looks after the client does not take a piece of its body."""
    client, gate = Client(), asyncio.Event()
    receive: Callable[[], Awaitable[Message]] = client.receive

    async def slow() -> Message:
        message = await receive()
        await gate.wait()
        return message

    work = Work()
    work.done.set()
    task = asyncio.ensure_future(CancelOnDisconnect(work, SOON)(RECALL, slow, client.send))
    await asyncio.sleep(3 * SOON)
    gate.set()
    await task

    assert [message["status"] for message in client.sent] == [200]
