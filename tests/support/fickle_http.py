"""A proxy in front of any HTTP server, which misbehaves on demand."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import NamedTuple, Self

import httpx

HOST = "127.0.0.1"
HUGE_BYTES = 100_000_000

_JSON = {"content-type": "application/json"}
_CHUNK = b"x" * 65_536
_DRIP_SECONDS = 0.01

# What belongs to one connection and not to the message, and an encoding that would hide the body.
_NOT_PASSED_ON = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "content-encoding"}


class Behaviour(Enum):
    """What becomes of a request; where the upstream is not named, it never hears of it."""

    OK = auto()  # passed on to the upstream, and the answer back
    DOWN = auto()  # nobody listens: connection refused
    HANG = auto()  # taken and never answered
    STORE_THEN_HANG = auto()  # the upstream acts, but its answer is never given
    LATE = auto()  # never answered, and the upstream hears of it only after `delay`
    STATUS = auto()  # answered with the status, headers and body that `become` was given
    GARBAGE = auto()  # 200, but a page of HTML
    BINARY = auto()  # 200, but no text
    TRUNCATED = auto()  # the upstream acts, and half of its answer is given before the connection ends
    HUGE = auto()  # 200, and 100 MB of JSON without a length
    DRIP = auto()  # 200, and a byte at a time for ever
    REDIRECT = auto()  # 307 to another path here
    EMPTY = auto()  # 200 without a body
    SLOW = auto()  # as OK, after `delay`
    RESET = auto()  # taken, then the connection is reset


class Received(NamedTuple):
    """One request as it came; `path` has the query."""

    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


def every_request(_received: Received) -> bool:
    """Return whether a behaviour is for this request: it is for each."""
    return True


@dataclass(frozen=True, slots=True)
class _Plan:
    behaviour: Behaviour = Behaviour.OK
    answer: bytes | None = None  # for a behaviour whose answer is known before the request
    only: Callable[[Received], bool] = every_request
    delay: float = 0.0


class _Call(NamedTuple):
    received: Received
    plan: _Plan
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    moved_on: asyncio.Event  # set when whoever hangs need hang no longer


class FickleHttp:
    """Stand before the server at `upstream`, a base URL, on a free port of the loopback while the context lasts.

    `requests` holds what came, `acted` what the upstream has answered, whether or not the client was told, and `sent`
    counts the bytes of the answer that is too large. While the upstream itself is gone, clients are hung up on.
    """

    def __init__(self, upstream: str) -> None:
        self.requests: list[Received] = []
        self.acted: list[Received] = []
        self.sent = 0
        self._upstream = httpx.URL(upstream)
        self._client = httpx.AsyncClient(timeout=None, trust_env=False)  # noqa: S113 - the caller decides how long to wait
        self._plan = _Plan()
        self._left: int | None = None
        # Bound, but not listening: it keeps the port from others while nobody listens.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._reserved.bind((HOST, 0))
        self._port: int = self._reserved.getsockname()[1]
        self._listener: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._late: set[asyncio.Task[None]] = set()
        self._hurry = asyncio.Event()
        self._moved_on = asyncio.Event()
        self._endings: dict[Behaviour, Callable[[_Call], Awaitable[None]]] = {
            Behaviour.HANG: self._hang,
            Behaviour.STORE_THEN_HANG: self._store_then_hang,
            Behaviour.LATE: self._act_late,
            Behaviour.TRUNCATED: self._truncate,
            Behaviour.HUGE: self._flood,
            Behaviour.DRIP: self._drip,
            Behaviour.RESET: self._reset,
        }

    @property
    def base_url(self) -> str:
        """What a client is configured with."""
        return f"http://{HOST}:{self._port}"

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._hang_up()
        tasks = [*self._connections, *self._late]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()
        self._reserved.close()

    async def become(
        self,
        behaviour: Behaviour,
        *,
        status: int = 500,
        headers: Mapping[str, str] = _JSON,
        body: bytes = b'{"detail": "out of order"}',
        times: int | None = None,
        only: Callable[[Received], bool] = every_request,
        delay: float = 0.0,
    ) -> None:
        """Behave differently from now on, or for the next `times` requests that `only` accepts; others are passed on.

        Whoever hangs is hung up on. `DOWN` is for everybody until it is told otherwise. `delay` is in seconds.
        """
        self._moved_on.set()
        self._moved_on = asyncio.Event()
        answers = {
            Behaviour.STATUS: response_of(status, headers, body),
            Behaviour.GARBAGE: response_of(200, {"content-type": "text/html"}, b"<html>Welcome to the Wi-Fi</html>"),
            Behaviour.BINARY: response_of(200, _JSON, b'{"results": "\xff\xfe"}'),
            Behaviour.REDIRECT: response_of(307, {"location": f"{self.base_url}/elsewhere"}, b""),
            Behaviour.EMPTY: response_of(200, {}, b""),
        }
        self._plan = _Plan(behaviour, answers.get(behaviour), only, delay)
        self._left = times
        if behaviour is Behaviour.DOWN:
            await self._hang_up()
        elif self._listener is None:
            await self._listen()

    async def settled(self) -> None:
        """Let the upstream hear now of everything that was to come late, and wait until it has."""
        self._hurry.set()
        await asyncio.gather(*self._late)
        self._hurry.clear()

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._serve, HOST, self._port, reuse_port=True)

    async def _hang_up(self) -> None:
        if self._listener is not None:
            self._listener.close()
            await self._listener.wait_closed()
            self._listener = None
        self._moved_on.set()
        for writer in self._connections.values():
            writer.transport.abort()
        await asyncio.sleep(0)  # the loop closes them at its next turn

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, httpx.TransportError):
            pass  # the client hung up, which is its right, or the upstream is gone
        except asyncio.CancelledError:
            pass  # the context has ended; asyncio's streams would log a cancelled task as an error
        finally:
            writer.close()
            del self._connections[task]

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Deal with one request; return whether the connection can take another."""
        received = await _receive(reader)
        self.requests.append(received)
        plan = self._plan_for(received)
        if (ending := self._endings.get(plan.behaviour)) is not None:
            await ending(_Call(received, plan, reader, writer, self._moved_on))
            return False
        if plan.behaviour is Behaviour.SLOW:
            await asyncio.sleep(plan.delay)
        writer.write(await self._act(received) if plan.answer is None else plan.answer)
        await writer.drain()
        return True

    def _plan_for(self, received: Received) -> _Plan:
        if self._left == 0 or not self._plan.only(received):
            return _Plan()
        if self._left is not None:
            self._left -= 1
        return self._plan

    async def _act(self, received: Received) -> bytes:
        """Let the upstream act; return its answer as bytes to write."""
        path = self._upstream.raw_path.rstrip(b"/") + received.path.encode("latin-1")
        headers = {name: value for name, value in received.headers.items() if name not in _NOT_PASSED_ON}
        request = httpx.Request(
            received.method,
            self._upstream.copy_with(raw_path=path),
            headers=headers | {"accept-encoding": "identity"},
            content=received.body,
        )
        response = await self._client.send(request)
        self.acted.append(received)
        return response_of(response.status_code, response.headers, response.content)

    async def _hang(self, call: _Call) -> None:
        """Wait until the client has hung up, or the behaviour has changed."""
        waiting = {asyncio.ensure_future(call.reader.read(1)), asyncio.ensure_future(call.moved_on.wait())}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for future in waiting:
                future.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _store_then_hang(self, call: _Call) -> None:
        await self._act(call.received)
        await self._hang(call)

    async def _act_late(self, call: _Call) -> None:
        async def act() -> None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), call.plan.delay)
            with contextlib.suppress(httpx.TransportError):
                await self._act(call.received)

        task = asyncio.create_task(act())
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        await self._hang(call)

    async def _truncate(self, call: _Call) -> None:
        answer = await self._act(call.received)
        body = answer.index(b"\r\n\r\n") + 4
        call.writer.write(answer[: (body + len(answer)) // 2])
        await call.writer.drain()

    async def _flood(self, call: _Call) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        call.writer.write(head + b'd\r\n{"results":["\r\n')
        self.sent = 0
        while self.sent < HUGE_BYTES:
            call.writer.write(b"%x\r\n%b\r\n" % (len(_CHUNK), _CHUNK))
            await call.writer.drain()
            self.sent += len(_CHUNK)
        call.writer.write(b'3\r\n"]}\r\n0\r\n\r\n')
        await call.writer.drain()

    async def _drip(self, call: _Call) -> None:
        call.writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n")
        while not call.moved_on.is_set() and not call.writer.is_closing():
            call.writer.write(b" ")
            await call.writer.drain()
            await asyncio.sleep(_DRIP_SECONDS)

    async def _reset(self, call: _Call) -> None:
        # To linger for no time is to end with a reset.
        connection: socket.socket = call.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        call.writer.transport.abort()


async def _receive(reader: asyncio.StreamReader) -> Received:
    start, _, rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").partition("\r\n")
    method, path, _ = start.split(" ")
    fields = (line.partition(":") for line in rest.splitlines() if line)
    headers = {name.lower(): value.strip() for name, _, value in fields}
    return Received(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def response_of(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return an answer as it is written to a connection."""
    lines = [f"{name}: {value}" for name, value in headers.items() if name.lower() not in _NOT_PASSED_ON]
    head = "\r\n".join([f"HTTP/1.1 {status} Status", *lines, f"content-length: {len(body)}", "", ""])
    return head.encode("latin-1") + body
