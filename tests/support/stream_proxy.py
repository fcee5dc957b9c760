"""A proxy between a client and a server on unix sockets, whatever they speak, which misbehaves on demand."""

import asyncio
import contextlib
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import Self

_CHUNK = 65_536
_GARBAGE = b"<html>Welcome to the Wi-Fi</html>\r\n\xff\xfe\r\n"


class Manner(Enum):
    """What becomes of what the server says."""

    PASSED = auto()
    SLOW = auto()  # passed on late
    GARBAGE = auto()  # something else is said instead, once, and the connection ends


class StreamProxy:
    """Stand before the server at the socket `upstream`, at the socket `path`; `delay` is the seconds of `SLOW`."""

    def __init__(self, path: Path, upstream: Path, delay: float) -> None:
        self.manner = Manner.PASSED
        self._path, self._upstream, self._delay = path, upstream, delay
        self._listener: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._listener = await asyncio.start_unix_server(self._serve, self._path)
        self._path.chmod(0o777)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._listener is not None
        self._listener.close()
        tasks = [*self._serving]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._listener.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._between(reader, writer)
        except (ConnectionError, FileNotFoundError):
            pass  # one of the two has hung up, or the server is gone
        except asyncio.CancelledError:
            pass  # the context has ended; asyncio's streams would log a cancelled task as an error
        finally:
            writer.close()
            self._serving.discard(task)

    async def _between(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(self._upstream)
        ways = [
            asyncio.ensure_future(self._pass(reader, to_server)),
            asyncio.ensure_future(self._answer(from_server, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            to_server.close()  # before anything that may be cancelled
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await reader.read(_CHUNK):
            writer.write(said)
            await writer.drain()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await reader.read(_CHUNK):
            if self.manner is Manner.SLOW:
                await asyncio.sleep(self._delay)
            if self.manner is Manner.GARBAGE:
                with contextlib.suppress(ConnectionError):
                    writer.write(_GARBAGE)
                    await writer.drain()
                return
            writer.write(said)
            await writer.drain()
