"""Print what every method finds, in all and by language: `python -m tests.quality`."""

import asyncio

import numpy as np
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from providers.embedders.local import LocalEmbedder
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

    print(
        f"\n== questions that share a word with the answer, each of a user with {MEMORIES} memories in random order\n"
    )
    for name, first in asyncio.run(_of_few()).items():
        print(f"the answer comes first, {name:14}{interval(first)}")


if __name__ == "__main__":
    main()
