"""Closed-loop load: so many clients, each sending its next request when the last is answered."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter

from msgspec import Struct

Work = Callable[[], Awaitable[None]]


class Measured(Struct, frozen=True):
    """What one run of load came to: `rate` in requests a second, the rest in milliseconds."""

    rate: float
    p50: float
    p99: float


class HttpClient:
    """One kept-alive HTTP/1.1 connection, as thin as it gets: on two cores a real client would be the bottleneck."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int) -> "HttpClient":
        """Connect to a service on this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**22))

    async def post(self, path: str, user_id: str, body: bytes) -> bytes:
        """Send one request and give the body of its answer.

        Raises:
            RuntimeError: any status but 200.
        """
        head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return await self._answer(f"POST {path}", user_id, head, body)

    async def get(self, path: str, user_id: str) -> bytes:
        """Ask for something and give the body of its answer; raises what `post` raises."""
        return await self._answer(f"GET {path}", user_id, "", b"")

    async def _answer(self, line: str, user_id: str, head: str, body: bytes) -> bytes:
        start = f"{line} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-User-ID: {user_id}\r\n{head}\r\n"
        self._writer.write(start.encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
        content = await self._reader.readexactly(length)
        if b" 200 " not in answer[:20]:
            raise RuntimeError(f"{answer[:100]!r} {content[:300]!r}")
        return content

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


async def run_load(works: list[Work], seconds: float) -> Measured:
    """Let every worker loop for so long, and measure all of them together."""
    latencies: list[float] = []
    until = perf_counter() + seconds

    async def loop(work: Work) -> None:
        while (started := perf_counter()) < until:
            await work()
            latencies.append(perf_counter() - started)

    started = perf_counter()
    await asyncio.gather(*map(loop, works))
    elapsed = perf_counter() - started
    latencies.sort()
    return Measured(
        len(latencies) / elapsed, latencies[len(latencies) // 2] * 1000, latencies[int(len(latencies) * 0.99)] * 1000
    )


def table(rows: Iterator[tuple[str, ...]]) -> None:
    """Print rows in columns."""
    lines = list(rows)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
