"""What the ranking finds with one embedder, and the processor's time that it takes."""

from collections.abc import Sequence
from time import process_time

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from providers.embedders.base import Embedder, Matrix, Vector
from tests.quality.measuring import Values, measured
from tests.quality.questions_and_answers import conversations, together


class Encoded(Struct, frozen=True, kw_only=True):
    """Recall at ten of each question, with a user for `each` conversation and with all `together`."""

    name: str
    each: Values
    together: Values
    shares_a_word: NDArray[np.bool_]
    ms_a_question: float
    ms_a_memory: float


class _Remembering(Embedder):
    """Another embedder, asked once for each text."""

    def __init__(self, embedder: Embedder) -> None:
        self.model = embedder.model
        self._embedder = embedder
        self._vectors: dict[str, Vector] = {}

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """See `Embedder`."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        self._vectors |= zip(missing, await self._embedder.embed(missing), strict=True)
        return [self._vectors[text] for text in texts]

    async def embed_words(self, words: Sequence[str]) -> Matrix | None:
        """See `Embedder`."""
        return await self._embedder.embed_words(words)


async def encoded(name: str, embedder: Embedder) -> Encoded:
    """Measure one embedder."""
    remembering, several = _Remembering(embedder), conversations()
    memories = [line.text for one in several for line in one.lines]
    questions = [question.text for one in several for question in one.questions]
    started = process_time()
    await remembering.embed(memories)
    between = process_time()
    for question in questions:
        await remembering.embed([question])
    ended = process_time()
    each, all_of_one = await measured(several, remembering), await measured([together(several)], remembering)
    return Encoded(
        name=name,
        each=each.recalls["ranking"],
        together=all_of_one.recalls["ranking"],
        shares_a_word=each.shares_a_word,
        ms_a_question=1_000 * (ended - between) / len(questions),
        ms_a_memory=1_000 * (between - started) / len(memories),
    )
