"""Open-loop load from a process of its own: requests arrive at a constant rate, however slowly they are answered.

The latency of each is counted from the moment at which it should have begun, so that a service that lets its clients
wait shortens none (no "coordinated omission"), but without what this process itself was late, which is told apart. It
goes before all others, where that is permitted, to be late by little; how much of a processor it takes is told, too.
"""

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle
from subprocess import PIPE, Popen

import msgspec
import uvloop

OK, ACCEPTED, REFUSED = 200, 202, 503
LOST = 0  # the status of a request that was not answered
_PATIENCE = 30.0  # seconds until a request counts as lost
_MOST_CONNECTIONS = 900
_PRIORITY = 50


class Arrivals(msgspec.Struct, frozen=True, kw_only=True):
    """Describe a load: `bodies` are sent in turns to `path`, for these users in turns, with this key.

    What arrives within the first `warm_up` seconds is sent, but not measured. With `clients` it is no constant rate:
    each of so many sends its next request when it has the last answer, which is how capacity is measured.
    """

    port: int
    seconds: float
    rate: float = 0.0
    clients: int = 0
    path: str
    bodies: list[str]
    users: list[str]
    key: str | None = None
    warm_up: float = 0.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Sum up what became of a load; latencies in milliseconds, `processor` is the share of one that was used for it.

    `late_p99` is how late this process sent requests; no latency contains it.
    """

    sent: int
    statuses: dict[str, int]
    goodput: float
    served_p50: float
    served_p99: float
    refused_p99: float
    without_retry_after: int
    processor: float
    late_p99: float

    @property
    def served(self) -> int:
        """Return how many were done."""
        return self.statuses.get(str(OK), 0) + self.statuses.get(str(ACCEPTED), 0)

    @property
    def refused(self) -> int:
        """Return how many were refused."""
        return self.statuses.get(str(REFUSED), 0)


def begin(load: Arrivals) -> "Popen[bytes]":
    """Start a load in a process of its own."""
    process = Popen([sys.executable, "-m", "tests.faults.arrivals"], stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(load))
    process.stdin.close()
    return process


def outcome_of(process: "Popen[bytes]") -> Outcome:
    """Wait for the end of a load."""
    with process:
        assert process.stdout is not None
        return msgspec.json.decode(process.stdout.read(), type=Outcome)


class _Answer(msgspec.Struct, frozen=True):
    status: int
    seconds: float
    late: float
    retry_after: bool


class _Client:
    """Connections that are used again, and made as needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._open = asyncio.Semaphore(_MOST_CONNECTIONS)

    async def ask(self, request: bytes) -> tuple[int, bool]:
        """Send a request; return the status of the answer, and whether it says when to come back."""
        async with self._open:
            reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
            try:
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n", 1)[0]))
            except BaseException:
                writer.close()
                raise
            self._idle.append((reader, writer))
            return int(head[9:12]), b"\r\nretry-after: " in head

    def close(self) -> None:
        """Close the connections."""
        for _, writer in self._idle:
            writer.close()


class _Run:
    """One load under way."""

    def __init__(self, load: Arrivals) -> None:
        self._load, self._client, self._requests = load, _Client(load.port), cycle(_requests(load))
        self._first = _now() + 0.1
        self.answers: list[_Answer] = []

    async def open(self) -> None:
        """Let requests arrive at a constant rate."""
        load = self._load
        async with asyncio.TaskGroup() as group:
            for place in range(round((load.warm_up + load.seconds) * load.rate)):
                due = self._first + place / load.rate
                if due > _now():
                    await asyncio.sleep(due - _now())
                group.create_task(self._one(due))

    async def closed(self) -> None:
        """Let so many clients send one request after the other."""

        async def client() -> None:
            while (due := _now()) < self._first + self._load.warm_up + self._load.seconds:
                await self._one(due)

        await asyncio.gather(*(client() for _ in range(self._load.clients)))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    async def _one(self, due: float) -> None:
        began = _now()
        try:
            async with asyncio.timeout(_PATIENCE):
                status, says_when = await self._client.ask(next(self._requests))
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError):
            status, says_when = LOST, False
        if due - self._first >= self._load.warm_up:
            self.answers.append(_Answer(status, _now() - began, began - due, says_when))


def _now() -> float:
    """Return the seconds of a clock that does not stand still during a turn of the loop, as the loop's own does."""
    return time.perf_counter()


async def _run(load: Arrivals) -> Outcome:
    run, used = _Run(load), time.process_time()
    await (run.closed() if load.clients else run.open())
    used = time.process_time() - used
    run.close()
    return _summed_up(load, run.answers, used / (load.warm_up + load.seconds))


def _requests(load: Arrivals) -> list[bytes]:
    number = max(len(load.bodies), len(load.users))
    return [
        _request(load, load.bodies[place % len(load.bodies)].encode(), load.users[place % len(load.users)])
        for place in range(number)
    ]


def _request(load: Arrivals, body: bytes, user: str) -> bytes:
    key = "" if load.key is None else f"Authorization: Bearer {load.key}\r\n"
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    method = "POST" if body else "GET"
    return f"{method} {load.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-User-ID: {user}\r\n{key}{kind}\r\n".encode() + body


def _summed_up(load: Arrivals, answers: Sequence[_Answer], processor: float) -> Outcome:
    served = [answer.seconds for answer in answers if answer.status in (OK, ACCEPTED)]
    refused = [answer for answer in answers if answer.status == REFUSED]
    return Outcome(
        sent=len(answers),
        statuses={str(status): times for status, times in Counter(answer.status for answer in answers).items()},
        goodput=len(served) / load.seconds,
        served_p50=_quantile(served, 0.5),
        served_p99=_quantile(served, 0.99),
        refused_p99=_quantile([answer.seconds for answer in refused], 0.99),
        without_retry_after=sum(not answer.retry_after for answer in refused),
        processor=processor,
        late_p99=_quantile([answer.late for answer in answers], 0.99),
    )


def _quantile(seconds: Sequence[float], share: float) -> float:
    return sorted(seconds)[int(len(seconds) * share)] * 1000 if seconds else 0.0


if __name__ == "__main__":
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_PRIORITY))
    sys.stdout.buffer.write(
        msgspec.json.encode(uvloop.run(_run(msgspec.json.decode(sys.stdin.buffer.read(), type=Arrivals))))
    )
