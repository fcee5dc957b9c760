"""How fast the local embedder is, as a ratio to plain wordllama in the same run."""

import asyncio
import random
import string
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import wordllama
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from providers.embedders.local import LocalEmbedder

SEED = 20_250_101
ROUNDS = 7
CASES = {
    "one text of 100 characters": (1, 100, 300),
    "100 texts of 100 characters": (100, 100, 5),
    "1,000 texts of 100 characters": (1_000, 100, 1),
    "one text of 32,000 characters": (1, 32_000, 5),
}  # texts in a call, characters in a text, calls in a round

Calls = list[list[str]]


def main() -> None:
    """Print the table."""
    asyncio.run(_compare())


async def _compare() -> None:
    ours = await LocalEmbedder.load(Metrics(CollectorRegistry()))
    plain = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    chance = random.Random(SEED)
    words = ["".join(chance.choices(string.ascii_lowercase, k=chance.randint(2, 9))) for _ in range(20_000)]

    async def ask_plain(texts: list[str]) -> None:
        plain.embed(texts, norm=True)

    print(f"{'call':<32}{'texts/s':>10}{'plain':>10}{'ratio':>8}{'of CPU':>8}")
    for name, (texts, chars, calls) in CASES.items():
        rows = []
        for _ in range(ROUNDS):
            # New texts for each side: the tokenizer remembers what it has seen, and a service sees new ones.
            wall, cpu = await _seconds(ours.embed, _calls(chance, words, texts, chars, calls))
            plain_wall, plain_cpu = await _seconds(ask_plain, _calls(chance, words, texts, chars, calls))
            rows.append((texts * calls / wall, texts * calls / plain_wall, plain_wall / wall, plain_cpu / cpu))
        rate, plain_rate, ratio, cpu_ratio = (median(column) for column in zip(*rows, strict=True))
        print(f"{name:<32}{rate:>10,.0f}{plain_rate:>10,.0f}{ratio:>8.1f}{cpu_ratio:>8.1f}")


async def _seconds(embed: Callable[[list[str]], Awaitable[object]], calls: Calls) -> tuple[float, float]:
    """Wall time and CPU time; plain wordllama spreads a batch over every core, ours keeps to one."""
    wall, cpu = perf_counter(), process_time()
    for texts in calls:
        await embed(texts)
    return perf_counter() - wall, process_time() - cpu


def _calls(chance: random.Random, words: list[str], texts: int, chars: int, calls: int) -> Calls:
    return [[" ".join(chance.choices(words, k=chars // 3))[:chars] for _ in range(texts)] for _ in range(calls)]


if __name__ == "__main__":
    main()
