"""What a put by key takes beside a remember: over HTTP, in turns, to the service as it comes and with a journal."""

import asyncio
import json
import statistics
from collections.abc import Iterator
from random import Random
from time import perf_counter

from tests.bench.load import HttpClient, table
from tests.bench.service import service, text_of
from tests.support.postgres import reachable_folder

USER = "bob"
ROUNDS = 30
CALLS = 20  # of each operation in a round
THERE = 500  # memories of the user beforehand with keys, and as many without


def main() -> None:
    """Fill a service, and take turns; then once more with the journal that an order of several providers has."""
    for what, environment in (("as it comes", {}), ("with a journal in a file", {"NINAI__JOURNAL__KIND": "sqlite"})):
        print(f"\n{what}:")
        with reachable_folder() as folder, service(folder, environment) as port:
            table(asyncio.run(_measure(port)))


async def _measure(port: int) -> Iterator[tuple[str, ...]]:
    random, client = Random(1), await HttpClient.connect(port)
    memories = [{"content": text_of(random, 20)} for _ in range(THERE)]
    await client.post("/memory/remember/batch", USER, json.dumps({"memories": memories}).encode())
    for number in range(THERE):
        body = {"content": text_of(random, 20), "key": f"there/{number}"}
        await client.post("/memory/keys/put", USER, json.dumps(body).encode())
    numbers = iter(range(1_000_000))

    async def asked(operation: str) -> float:
        body: dict[str, str] = {"content": text_of(random, 20)}
        if operation == "put, a new key":
            body["key"] = f"new/{next(numbers)}"
        elif operation == "put, a key that is there":
            body["key"] = f"there/{next(numbers) % THERE}"
        started = perf_counter()
        await client.post("/memory/keys/put" if "key" in body else "/memory/remember", USER, json.dumps(body).encode())
        return (perf_counter() - started) * 1000

    spent: dict[str, list[float]] = {"remember": [], "put, a new key": [], "put, a key that is there": []}
    for turn in range(ROUNDS):
        for operation in spent if turn % 2 else reversed(spent):
            spent[operation].append(statistics.median([await asked(operation) for _ in range(CALLS)]))
    client.close()
    rows: list[tuple[str, ...]] = [("operation", "ms", "of remember", "of half the rounds")]
    for operation, times in spent.items():
        ratios = [one / base for one, base in zip(times, spent["remember"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        rows.append((operation, f"{statistics.median(times):.2f}", f"{middle:.2f}x", f"{low:.2f}x to {high:.2f}x"))
    return iter(rows)
