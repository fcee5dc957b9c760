"""The ranking in this process: its time, and the bytes that it needs, by the memories of a user."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from time import perf_counter, process_time
from uuid import UUID

import numpy as np

from providers.search.entries import Entry
from providers.search.questions import EmbeddedQuestion, Ordering, Question
from providers.search.ranking import rank
from providers.search.user_index import UserIndex
from tests.bench.load import table
from tests.bench.service import text_of

SIZES = (100, 1_000, 10_000, 100_000)
QUESTIONS = 30
_DIMENSIONS = 256
_START = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    """Build an index of each size, and ask."""
    table(_measured())


def _measured() -> Iterator[tuple[str, ...]]:
    yield "memories", "put us", "bytes each", "rank ms"
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
        yield str(size), f"{put * 1e6:.0f}", f"{index.nbytes / size:.0f}", f"{_rank_ms(index, random, units[0]):.2f}"


def _rank_ms(index: UserIndex, random: Random, vector: np.ndarray[tuple[int], np.dtype[np.float32]]) -> float:
    """Return the median milliseconds of a question with vectors of its words."""
    times = []
    for _ in range(QUESTIONS):
        plain = Question.of(text_of(random, 8))
        words = np.ones((len(plain.words), _DIMENSIONS), np.float32)
        question = Question(plain.text, plain.words, {"model": EmbeddedQuestion(vector, words)})
        started = perf_counter()
        rank(index, question, Ordering())
        times.append(perf_counter() - started)
    return float(np.median(times)) * 1e3


if __name__ == "__main__":
    main()
