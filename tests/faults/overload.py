"""A service with memories of some users, requests that cost it much, and a machine that is taken from it by half."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from app.auth.keys import hash_key, new_key
from tests.faults.arrivals import Arrivals, Outcome, begin, outcome_of
from tests.support.service import Service

USERS = tuple(f"user-{number}" for number in range(20))
MEMORIES = 500  # of each
QUESTIONS = 20  # of a batch
RECALLS = "/memory/recall/batch"
NOISY, MODEST, WATCHING = new_key("one"), new_key("two"), new_key("three")
KEYS = {
    "NINAI__AUTH__MODE": "api_key",
    "NINAI__AUTH__KEYS__NOISY__HASH": hash_key(NOISY),
    "NINAI__AUTH__KEYS__MODEST__HASH": hash_key(MODEST),
    "NINAI__AUTH__KEYS__WATCHING__HASH": hash_key(WATCHING),
    "NINAI__AUTH__KEYS__WATCHING__SCOPES": '["metrics:read"]',
}

_WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("n", "r", "t", "ng", "lo", "st")]


def text_of(chance: Random, words: int) -> str:
    """Return a text of made-up words."""
    return " ".join(chance.choices(_WORDS, k=words))


def fill(service: Service, users: tuple[str, ...] = USERS, memories: int = MEMORIES, key: str | None = None) -> None:
    """Store as many memories of each user."""
    chance = Random(1)
    for user in users:
        told = [{"content": text_of(chance, 20), "metadata": {"place": text_of(chance, 1)}} for _ in range(memories)]
        headers = {"X-User-ID": user} | ({} if key is None else {"Authorization": f"Bearer {key}"})
        url = f"{service.url}/memory/remember/batch"
        for start in range(0, memories, 1_000):
            body = {"memories": told[start : start + 1_000]}
            httpx.post(url, json=body, headers=headers, timeout=60, trust_env=False).raise_for_status()


def batches(number: int = 50) -> list[str]:
    """Return bodies of batches of questions."""
    chance = Random(2)
    return [
        msgspec.json.encode({"queries": [{"query": text_of(chance, 6)} for _ in range(QUESTIONS)]}).decode()
        for _ in range(number)
    ]


def port_of(service: Service) -> int:
    """Return the port of a service."""
    return int(service.url.rpartition(":")[2])


def capacity(service: Service, seconds: float) -> float:
    """Return how many batches a second are answered to a few clients that send the next one when they have the last."""
    loads = [_batches(service, clients=clients, seconds=seconds) for clients in (2, 4)]
    return max(outcome_of(begin(load)).goodput for load in loads)


def batches_arrive(service: Service, rate: float, seconds: float, warm_up: float) -> Outcome:
    """Let batches of questions arrive at a rate."""
    return outcome_of(begin(_batches(service, rate=rate, seconds=seconds, warm_up=warm_up)))


def _batches(
    service: Service, *, seconds: float, rate: float = 0.0, clients: int = 0, warm_up: float = 1.0
) -> Arrivals:
    return Arrivals(
        port=port_of(service),
        rate=rate,
        clients=clients,
        seconds=seconds,
        warm_up=warm_up,
        path=RECALLS,
        bodies=batches(),
        users=list(USERS),
    )


@contextlib.contextmanager
def half_of_the_processors(service: Service) -> Iterator[None]:
    """Take half of the processors away from every process of a service, while it runs."""
    everything = os.sched_getaffinity(0)
    half = set(sorted(everything)[: max(1, len(everything) // 2)])
    _confine(service, half)
    try:
        yield
    finally:
        _confine(service, everything)


def _confine(service: Service, processors: set[int]) -> None:
    for pid in service.processes():
        for thread in _threads(pid):
            with contextlib.suppress(OSError):  # it has ended
                os.sched_setaffinity(thread, processors)


def _threads(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]
    return []


def metric(service: Service, name: str, key: str | None = None, **labels: str) -> float:
    """Return the sum of a metric's samples that have these labels, read with a key where the service has keys."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(service.metrics(key))
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def resident_bytes(service: Service) -> int:
    """Return the memory that the processes of a service hold which answer requests."""
    page = os.sysconf("SC_PAGE_SIZE")
    pids = service.workers() or {service.main.pid}
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page for pid in pids)
