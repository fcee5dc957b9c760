"""The ranking in this process: its time, and the bytes that it needs, by the memories of a user.

`same` is the share of the ten nearest by float32 that are found, over all questions. Of the large indexes `put` is the
time of building all at once.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import repeat
from random import Random
from time import process_time
from uuid import UUID

import numpy as np

from providers.search.columns import NEVER
from providers.search.entries import Entry
from providers.search.packed_memories import PackedMemories, PackedVectors
from providers.search.questions import EmbeddedQuestion, Ordering, Question
from providers.search.ranking import rank
from providers.search.stored_analysis import stored_analysis
from providers.search.traits import NO_MOMENT, Traits
from providers.search.user_index import UserIndex
from tests.bench.load import table
from tests.bench.service import text_of

SIZES = (100, 1_000, 10_000)
LARGE = (100_000, 1_000_000)  # built at once, of texts that repeat
QUESTIONS = 30
COMPARED = 5  # questions, with all vectors
_DIMENSIONS = 256
_TEXTS = 10_000  # that are different
_CHUNK = 8_192
_START = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    """Build an index of each size, and ask."""
    table(_measured())


def _measured() -> Iterator[tuple[str, ...]]:
    yield "memories", "put us", "bytes each", "rank ms", "same"
    random, vectors = Random(1), np.random.default_rng(1)
    for size in SIZES:
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
        put = (process_time() - started) / size
        yield _row(index, put, random, vectors)
    for size in LARGE:
        started = process_time()
        index = _large(size)
        yield _row(index, (process_time() - started) / size, random, vectors)


def _row(index: UserIndex, put: float, random: Random, vectors: np.random.Generator) -> tuple[str, ...]:
    vector = index.planes["model"].of(np.zeros(1, np.int64))[0]
    rank_ms, each = _rank_ms(index, random, vector), index.nbytes / len(index)
    return str(len(index)), f"{put * 1e6:.0f}", f"{each:.0f}", f"{rank_ms:.2f}", f"{_same(index, vectors):.3f}"


def _large(size: int) -> UserIndex:
    """Build an index of memories of 25 words and 50 bytes of metadata."""
    random, vectors = Random(2), np.random.default_rng(2)
    texts = [stored_analysis(text_of(random, 25), None) for _ in range(_TEXTS)]
    analyses = [texts[number % _TEXTS] for number in range(size)]
    metadata = b'{"topic": "tea", "turn": 12345, "tags": ["a", "b"]}'

    def packed_vectors() -> Iterator[PackedVectors]:
        for first in range(0, size, _CHUNK):
            units = vectors.standard_normal((min(_CHUNK, size - first), _DIMENSIONS)).astype(np.float32)
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


def _same(index: UserIndex, vectors: np.random.Generator) -> float:
    """Return the share of the ten nearest memories that a recall by the cosine alone finds."""
    planes, found = index.planes["model"], 0
    for _ in range(COMPARED):
        vector = vectors.standard_normal(_DIMENSIONS).astype(np.float32)
        vector /= np.sqrt(vector @ vector)
        places = np.arange(len(planes))
        exact = np.concatenate([planes.of(some) @ vector for some in np.array_split(places, 1 + len(planes) // _CHUNK)])
        nearest = set(planes.rows[np.argpartition(exact, -10)[-10:]].tolist())
        question = Question("", (), {"model": EmbeddedQuestion(vector)})
        found += len(nearest & {hit.row for hit in rank(index, question, Ordering(alike=True)).hits})
    return found / (10 * COMPARED)


def _rank_ms(index: UserIndex, random: Random, vector: np.ndarray[tuple[int], np.dtype[np.float32]]) -> float:
    """Return the median milliseconds of a question with vectors of its words."""
    times = []
    for _ in range(QUESTIONS):
        plain = Question.of(text_of(random, 8))
        words = np.ones((len(plain.words), _DIMENSIONS), np.float32)
        question = Question(plain.text, plain.words, {"model": EmbeddedQuestion(vector, words)})
        started = process_time()  # of one thread, whatever else the machine does
        rank(index, question, Ordering())
        times.append(process_time() - started)
    return float(np.median(times)) * 1e3


if __name__ == "__main__":
    main()
