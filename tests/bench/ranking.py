"""The ranking in this process: its time, and the bytes that it needs, by the memories of a user.

`same` is the share of the ten best by an exact score of every memory that are found, over all questions. Of the large
indexes `put` is the time of building all at once. Their vectors are noise, so that many are about as near.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from random import Random
from time import process_time
from uuid import UUID

import numpy as np

from providers.search.entries import Entry
from providers.search.matching import match, of_words, word_part
from providers.search.moments import NEVER, NO_MOMENT
from providers.search.packed_memories import PackedMemories, PackedVectors
from providers.search.questions import EmbeddedQuestion, Ordering, Question
from providers.search.ranking import rank
from providers.search.stored_analysis import stored_analysis
from providers.search.traits import Traits
from providers.search.user_index import UserIndex
from providers.search.weights import COSINE_SHARE, VECTORS_WEIGHT, WORD_COSINE_SHARE
from tests.bench.load import table
from tests.bench.service import text_of

SIZES = (100, 1_000, 10_000)
# Built at once, of texts that repeat: memories and dimensions.
LARGE = ((100_000, 256), (300_000, 256), (1_000_000, 256), (100_000, 1_536), (300_000, 1_536))
QUESTIONS = 30
COMPARED = 10  # questions, with all vectors
_DIMENSIONS = 256
_TEXTS = 10_000  # that are different
_CHUNK = 8_192
_ROUNDING = 1e-6
_START = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    """Build an index of each size, and ask."""
    table(_measured())


def _measured() -> Iterator[tuple[str, ...]]:
    yield "memories", "dimensions", "put us", "bytes each", "rank ms", "same", "approximate"
    random, vectors = Random(1), np.random.default_rng(1)
    for size in SIZES:
        yield _row_of_small(size, random, vectors)
    for size, dimensions in LARGE:
        yield _row_of_large(size, dimensions, random, vectors)


def _row_of_small(size: int, random: Random, vectors: np.random.Generator) -> tuple[str, ...]:
    index = UserIndex()
    units = vectors.standard_normal((size, _DIMENSIONS)).astype(np.float32)
    units /= np.sqrt((units * units).sum(axis=1, keepdims=True))
    started = process_time()
    for number, vector in enumerate(units):
        moment = _START + timedelta(minutes=number)
        content = text_of(random, 25)
        index.put(
            Entry(
                id=str(UUID(int=number)),
                version=number,
                created_at=moment,
                content=content,
                vectors={"model": vector},
            )
        )
    return _row(index, (process_time() - started) / size, random, vectors)


def _row_of_large(size: int, dimensions: int, random: Random, vectors: np.random.Generator) -> tuple[str, ...]:
    started = process_time()
    index = _large(size, dimensions)
    return _row(index, (process_time() - started) / size, random, vectors)


def _row(index: UserIndex, put: float, random: Random, vectors: np.random.Generator) -> tuple[str, ...]:
    questions = [_question(random, vectors, index.planes["model"].dims) for _ in range(QUESTIONS)]
    rank_ms, each = _rank_ms(index, questions), index.nbytes / len(index)
    compared = [_compared(index, question) for question in questions[:COMPARED]]
    return (
        str(len(index)),
        str(index.planes["model"].dims),
        f"{put * 1e6:.0f}",
        f"{each:.0f}",
        f"{rank_ms:.2f}",
        f"{sum(same for same, _ in compared) / len(compared):.3f}",
        f"{sum(approximate for _, approximate in compared)} of {len(compared)}",
    )


def _question(random: Random, vectors: np.random.Generator, dimensions: int) -> Question:
    """Make a question with vectors of its words."""
    plain = Question.of(text_of(random, 8))
    noise = vectors.standard_normal((1 + len(plain.words), dimensions)).astype(np.float32)
    noise /= np.sqrt((noise * noise).sum(axis=1, keepdims=True))
    return Question(plain.text, plain.words, {"model": EmbeddedQuestion(noise[0], noise[1:])})


def _large(size: int, dimensions: int) -> UserIndex:
    """Build an index of memories of 25 words and 50 bytes of metadata."""
    random, vectors = Random(2), np.random.default_rng(2)
    texts = [stored_analysis(text_of(random, 25), None) for _ in range(_TEXTS)]
    analyses = [texts[number % _TEXTS] for number in range(size)]
    metadata = b'{"topic": "tea", "turn": 12345, "tags": ["a", "b"]}'

    def packed_vectors() -> Iterator[PackedVectors]:
        for first in range(0, size, _CHUNK):
            units = vectors.standard_normal((min(_CHUNK, size - first), dimensions)).astype(np.float32)
            units /= np.sqrt((units * units).sum(axis=1, keepdims=True))
            yield PackedVectors("model", np.arange(first, first + len(units)), units)

    return UserIndex.of(
        PackedMemories(
            ids=np.arange(2 * size, dtype=">u8").tobytes(),
            version=np.arange(size),
            first_version=np.arange(size),
            created=np.arange(size) * 60_000_000,
            expires=np.full(size, NEVER),
            analyses=b"".join(analyses),
            lengths=np.array([len(one) for one in analyses]),
            sessions=[None] * size,
            metadata=metadata * size,
            metadata_lengths=np.full(size, len(metadata)),
            keys=[None] * size,
            traits=repeat((None,) * len(Traits.__struct_fields__), size),
            written=np.full(size, NO_MOMENT),
            vectors=packed_vectors(),
        )
    )


def _compared(index: UserIndex, question: Question) -> tuple[float, bool]:
    """Return the share of the ten best memories that a recall finds, and whether it says that it is approximate."""
    planes, matched = index.planes["model"], match(index, question)
    words = of_words(question.vectors["model"], matched)
    assert words is not None
    of_all = WORD_COSINE_SHARE * words.share
    vector = COSINE_SHARE * question.vectors["model"].text + of_all * words.vector
    places = np.array_split(np.arange(len(planes)), 1 + len(planes) // _CHUNK)
    cosines = np.clip(np.concatenate([planes.of(some) @ vector for some in places]), 0, 1)
    weight = VECTORS_WEIGHT
    scores = weight * cosines + (1 - weight * (COSINE_SHARE + of_all)) * word_part(index, matched)
    # Neighbours move the order by what the scores are, so the scores alone are compared.
    ranked = rank(index, question, Ordering(neighbours=False))
    least = np.partition(scores, -10)[-10] - _ROUNDING
    return float(np.mean([scores[hit.row] >= least for hit in ranked.hits])), ranked.approximate


def _rank_ms(index: UserIndex, questions: Sequence[Question]) -> float:
    """Return the median milliseconds of a question."""
    times = []
    for question in questions:
        started = process_time()  # of one thread, whatever else the machine does
        rank(index, question, Ordering())
        times.append(process_time() - started)
    return float(np.median(times)) * 1e3


if __name__ == "__main__":
    main()
