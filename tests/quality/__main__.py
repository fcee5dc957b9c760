"""Print what every method finds, in all and by language: `python -m tests.quality`."""

import asyncio

import numpy as np
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from providers.embedders.base import Embedder
from providers.embedders.local import LocalEmbedder
from providers.embedders.minilm.embedder import MiniLMEmbedder
from tests.quality.encoders import Encoded, encoded
from tests.quality.few import MEMORIES, first_of_few
from tests.quality.measuring import Measured, Values, interval, measured
from tests.quality.questions_and_answers import conversations, together


async def _measure() -> dict[str, Measured]:
    embedder = await LocalEmbedder.load(Metrics(CollectorRegistry()))
    several = conversations()
    return {
        "each conversation is a user's": await measured(several, embedder),
        "all of them are one user's": await measured([together(several)], embedder),
    }


async def _of_encoders() -> list[Encoded]:
    metrics = Metrics(CollectorRegistry())
    async with (
        MiniLMEmbedder.opened(metrics, words=True, threads=1) as both,
        MiniLMEmbedder.opened(metrics, words=False, threads=1) as alone,
    ):
        embedders: dict[str, Embedder] = {"local": await LocalEmbedder.load(metrics), "minilm": both}
        return [await encoded(name, one) for name, one in [*embedders.items(), ("minilm, words = false", alone)]]


async def _of_few() -> dict[str, Values]:
    embedder = await LocalEmbedder.load(Metrics(CollectorRegistry()))
    return {one.name: await first_of_few(one, embedder) for one in conversations()}


def main() -> None:
    """Measure and print."""
    for title, found in asyncio.run(_measure()).items():
        print(f"\n== {title}: {len(found.languages)} questions, 95 % intervals")
        print(f"{1 - found.shares_a_word.mean():.0%} of the questions share no word with the answer\n")
        print(f"{'recall at 10':26}{'all':24}{'without a shared word':24}ranking minus this")
        for name, values in found.recalls.items():
            without, ahead = values[~found.shares_a_word], found.recalls["ranking"] - values
            print(f"{name:26}{interval(values)!s:24}{interval(without)!s:24}{interval(ahead)}")
        of = np.array(found.languages)
        languages = sorted(set(found.languages))
        print("\n" + " " * 26 + "".join(f"{language:>8}" for language in languages))
        for name, values in found.recalls.items():
            print(f"{name:26}" + "".join(f"{values[of == language].mean():8.3f}" for language in languages))

    print("\n== the ranking by embedder, 95 % intervals\n")
    print(f"{'':23}{'each':24}{'together':24}{'each, without a word':24}ms")
    default, *others = asyncio.run(_of_encoders())
    for one in (default, *others):
        without = one.each[~one.shares_a_word]
        shown = f"{interval(one.each)!s:24}{interval(one.together)!s:24}{interval(without)!s:24}"
        print(f"{one.name:23}{shown}{one.ms_a_question:.1f} a question, {one.ms_a_memory:.1f} a memory, of processor")
    for one in others:
        gained = f"{interval(one.each - default.each)!s:24}{interval(one.together - default.together)}"
        print(f"{one.name + ' gains':23}{gained}")

    print(
        f"\n== questions that share a word with the answer, each of a user with {MEMORIES} memories in random order\n"
    )
    for name, first in asyncio.run(_of_few()).items():
        print(f"the answer comes first, {name:14}{interval(first)}")


if __name__ == "__main__":
    main()
