"""What callers feel of others who ask routes without a key in a loop: their recall beside them, and without.

The recalls come one after the other from a process of its own, the others from a second one. Beside and without are
measured in turns within one run, so that what else the machine does meets both alike; the ratio printed is the median.
"""

import asyncio
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from subprocess import PIPE, Popen

import msgspec
import uvloop

from tests.bench.load import HttpClient, Measured, run_load, table

CLIENTS = 4
ROUNDS = 3
SECONDS = 3.0
MEMORIES = 1_000
MOST = 2.0  # times its usual time that a recall may take
_USER = "bench"
_WORDS = [f"{a}{b}{c}" for a in "bcdfgklmnprst" for b in "aeiou" for c in ("n", "r", "t", "ng", "lo", "mi", "st", "ka")]

ROUTES = [
    "GET /livez",
    "GET /readyz",
    "GET /memory/health",
    "GET /metrics",
    "GET /metrics gzip",
    "GET /openapi.json",
    "GET /openapi.json gzip",
    "GET /docs",
    "GET /docs/scalar.js",
    "GET /docs/scalar.js gzip",
    "GET /",
    "GET /console/login",
    "GET /console/files/console.css",
    "GET /nothing",
    "POST /livez",
    "OPTIONS /livez",
]


def main() -> None:
    """Fill a service and print the table."""
    # Here, since the children, which are many, need none of what these import.
    from tests.bench.service import service
    from tests.support.postgres import reachable_folder

    with reachable_folder() as folder, service(folder) as port:
        asyncio.run(_fill(port))
        table(_rows(port))


async def _fill(port: int) -> None:
    random = Random(1)
    client = await HttpClient.connect(port)
    for _ in range(2):
        body = {"memories": [{"content": _text_of(random, 20)} for _ in range(MEMORIES // 2)]}
        await client.post("/memory/remember/batch", _USER, msgspec.json.encode(body))
    client.close()


def _text_of(random: Random, words: int) -> str:
    return " ".join(random.choices(_WORDS, k=words))


def _rows(port: int) -> Iterator[tuple[str, ...]]:
    yield ("four clients on", "alone p50/p99 ms", "beside p50/p99 ms", "p50 ratio", "p99 ratio", f"<= {MOST:g}")
    for route in ROUTES:
        pairs = []
        for _ in range(ROUNDS):
            alone = _recalls(port)
            with _looping(port, route):
                pairs.append((alone, _recalls(port)))
        ratio = statistics.median(beside.p50 / alone.p50 for alone, beside in pairs)
        tail = statistics.median(beside.p99 / alone.p99 for alone, beside in pairs)
        alone, beside = min(pairs, key=lambda pair: abs(pair[1].p50 / pair[0].p50 - ratio))
        yield (
            route,
            f"{alone.p50:.1f} / {alone.p99:.1f}",
            f"{beside.p50:.1f} / {beside.p99:.1f}",
            f"{ratio:.2f}",
            f"{tail:.2f}",
            "yes" if ratio <= MOST else "no",
        )


def _recalls(port: int) -> Measured:
    command = [sys.executable, "-m", "tests.bench.open_routes", "recall", str(port)]
    with Popen(command, stdout=PIPE) as process:  # noqa: S603 - this very module
        assert process.stdout is not None
        return msgspec.json.decode(process.stdout.read(), type=Measured)


@contextmanager
def _looping(port: int, route: str) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.bench.open_routes", "loop", str(port), route]
    with Popen(command, stdout=PIPE) as process:  # noqa: S603 - this very module
        assert process.stdout is not None
        process.stdout.readline()  # it has begun
        try:
            yield
        finally:
            process.terminate()


async def _recall(port: int) -> Measured:
    client, random = await HttpClient.connect(port), Random(2)

    async def work() -> None:
        await client.post("/memory/recall", _USER, msgspec.json.encode({"query": _text_of(random, 6)}))

    return await run_load([work], SECONDS)


async def _loop(port: int, route: str) -> None:
    method, path, *coding = route.split()
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: {' '.join(coding) or 'identity'}\r\n\r\n"

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        while True:
            writer.write(head.encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            length = answer.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0]
            await reader.readexactly(int(length or 0))

    print("begun", flush=True)
    await asyncio.gather(*(client() for _ in range(CLIENTS)))


def _child(words: list[str]) -> None:
    """Do one thing for the parent."""
    if words[0] == "recall":
        print(msgspec.json.encode(uvloop.run(_recall(int(words[1])))).decode())
    else:
        uvloop.run(_loop(int(words[1]), words[2]))


if __name__ == "__main__":
    _child(sys.argv[1:])
