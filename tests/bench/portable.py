"""Export and import over HTTP, against remembering the same memories in batches, with what the service takes of memory.

Each is measured in turns on one service over PostgreSQL with the local embedder, for users of their own; the ratio is
that of the medians. The second part is about a chain of two: there the ids that come with memories are looked for.
"""

import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from time import perf_counter

import httpx

from app.http.json.lines import MEDIA_TYPE
from tests.bench.load import table
from tests.bench.service import text_of
from tests.support.postgres import reachable_folder
from tests.support.service import Service, running_service

MEMORIES = 5_000
BATCH = 1_000
ROUNDS = 3
_LONG = 120.0  # seconds
_PAGE_BYTES = 4096
_CHAIN = {
    "NINAI__ORDER": '["native", "second"]',
    "NINAI__PROVIDERS__NATIVE__KIND": "native",
    "NINAI__PROVIDERS__SECOND__KIND": "mock",
}


def main() -> None:
    """Measure a single provider, then a chain."""
    rows: list[tuple[str, ...]] = [
        ("providers", "remembered/s", "exported/s", "ratio", "imported/s", "ratio", "MiB more at an export")
    ]
    for name, variables in (("native", {}), ("native, mock", _CHAIN)):
        with reachable_folder() as folder, running_service(folder, variables) as service:
            rows.append((name, *_measured(service)))
    table(iter(rows))


def _measured(service: Service) -> Iterator[str]:
    random = Random(1)
    contents = [text_of(random, 20) for _ in range(MEMORIES)]
    rates = {"remember": list[float](), "export": list[float](), "import": list[float]()}
    more = 0.0
    with httpx.Client(base_url=service.url, trust_env=False, timeout=_LONG) as http:
        for number in range(ROUNDS):
            rates["remember"].append(_remember(http, f"user-{number}", contents))
            before = _resident(service)
            rate, lines = _export(http, f"user-{number}")
            more = max(more, _resident(service) - before)
            rates["export"].append(rate)
            rates["import"].append(_import(http, f"other-{number}", lines))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    yield f"{medians['remember']:,.0f}"
    for name in ("export", "import"):
        yield f"{medians[name]:,.0f}"
        yield f"{medians[name] / medians['remember']:.2f}"
    yield f"{more:.1f}"


def _remember(http: httpx.Client, user: str, contents: Sequence[str]) -> float:
    bodies = [
        json.dumps({"memories": [{"content": content} for content in contents[begin : begin + BATCH]]})
        for begin in range(0, len(contents), BATCH)
    ]
    headers = {"X-User-ID": user, "Content-Type": "application/json"}
    began = perf_counter()
    for body in bodies:
        answer = http.post("/memory/remember/batch", content=body, headers=headers).raise_for_status()
        _require(answer.json()["failed"] == 0, answer.text)
    return MEMORIES / (perf_counter() - began)


def _export(http: httpx.Client, user: str) -> tuple[float, list[bytes]]:
    began = perf_counter()
    content = http.get("/memory/export", headers={"X-User-ID": user}).raise_for_status().content
    seconds = perf_counter() - began
    lines = [line for line in content.splitlines() if b'"kind":"memory"' in line]
    _require(len(lines) == MEMORIES, f"{len(lines)} lines")
    return MEMORIES / seconds, lines


def _import(http: httpx.Client, user: str, lines: Sequence[bytes]) -> float:
    bodies = [b"\n".join(lines[begin : begin + BATCH]) for begin in range(0, len(lines), BATCH)]
    headers = {"X-User-ID": user, "Content-Type": MEDIA_TYPE}
    began = perf_counter()
    for body in bodies:
        answer = http.post("/memory/import", content=body, headers=headers).raise_for_status()
        _require(answer.json()["stored"] == len(body.splitlines()), answer.text)
    return MEMORIES / (perf_counter() - began)


def _resident(service: Service) -> float:
    """Return the MiB of memory of the processes that answer requests."""
    processes = service.workers() or {service.main.pid}
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) for pid in processes)
    return pages * _PAGE_BYTES / 2**20


def _require(holds: bool, said: str) -> None:  # noqa: FBT001 - as an assertion takes it
    if not holds:
        raise RuntimeError(said[:300])
