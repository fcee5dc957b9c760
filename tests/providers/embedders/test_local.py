"""The local embedder: wordllama's own vectors, for any text, without a network and without side effects."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wordllama

from observability.metrics import Metrics
from providers.embedders.base import Embedder, EmbedderUnavailable, Vector
from providers.embedders.local import CHARS_PER_TEXT, INLINE_CHARS, LocalEmbedder
from providers.limits import MAX_BATCH, MAX_CONTENT_CHARS

PROSE = "The cat sat on the mat, and wondered where the 3 dogs of last Tuesday's walk had gone. "
TEXTS = [
    "a",
    "I prefer window seats on long flights",
    "  spaces   here\tand\nthere  ",
    "</s> <s> <unk> are only words here",
    "நினைவலைகள் என்றால் நினைவின் அலைகள்",
    "记忆服务为智能体保存记忆",
    "🎉🎉 👩‍👩‍👧 🎉",
    "\u200b\u0301",
    PROSE * 20,
    (PROSE * 400)[:MAX_CONTENT_CHARS],
]


@pytest.fixture(scope="module")
def original() -> Callable[[str], Vector]:
    """The embedding that wordllama itself computes."""
    model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)

    def embed(text: str) -> Vector:
        vector: Vector = model.embed(text, norm=True)[0]
        return vector

    return embed


def counted(metrics: Metrics, outcome: str) -> float | None:
    """How many calls were recorded with this outcome."""
    labels = {"embedder": "local", "outcome": outcome}
    return metrics.registry.get_sample_value("ninai_embedder_duration_seconds_count", labels)


def python(program: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    return done.stdout.strip()


def test_is_an_embedder(loaded: LocalEmbedder) -> None:
    """The local embedder fulfils the protocol and names model and dimensions."""
    assert isinstance(loaded, Embedder)
    assert loaded.model == "local/l2_supercat_256"


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_equals_wordllama(loaded: LocalEmbedder, original: Callable[[str], Vector], text: str) -> None:
    """Each vector is the one that wordllama computes."""
    [actual] = await loaded.embed([text])

    np.testing.assert_allclose(actual, original(text), atol=2e-6)


async def test_batch_equals_singles(loaded: LocalEmbedder) -> None:
    """A batch gives the same vectors, in order, as its texts one by one."""
    actual = await loaded.embed(TEXTS)

    for vector, text in zip(actual, TEXTS, strict=True):
        np.testing.assert_array_equal(vector, (await loaded.embed([text]))[0])


@pytest.mark.parametrize("text", ["", " ", "\n\t \r", "\0", "🎉", "நினைவு", "记忆", "\ufffd", "\u202e", "\U0010ffff"])
async def test_every_text_has_a_direction(loaded: LocalEmbedder, text: str) -> None:
    """Any text, even an empty one, gives a finite float32 vector of 256 dimensions and unit length."""
    [vector] = await loaded.embed([text])

    assert vector.dtype == np.float32
    assert vector.shape == (256,)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)


async def test_empty_text_is_a_space(loaded: LocalEmbedder) -> None:
    """An empty text has the vector of one space."""
    empty, space = await loaded.embed(["", " "])

    np.testing.assert_array_equal(empty, space)


async def test_no_texts_no_vectors(loaded: LocalEmbedder) -> None:
    """No texts give no vectors."""
    assert await loaded.embed([]) == []


async def test_likeness(loaded: LocalEmbedder) -> None:
    """A question lies closer to the text that answers it than to another."""
    question, answer, other = await loaded.embed(
        ["Which seat does she like on a plane?", "She likes the window seat on a plane.", "The invoice is overdue."]
    )

    assert question @ answer > question @ other


@pytest.mark.parametrize("word", ["north", "1984", "straße", "город"])
async def test_a_word_of_the_vocabulary_has_a_vector(loaded: LocalEmbedder, word: str) -> None:
    """The sum of its tokens, of any length."""
    words = await loaded.embed_words([word])

    assert words.shape == (1, 256)
    assert words.any()


@pytest.mark.parametrize("word", ["北京", "寒い", "வீடு", "\ud800"])
async def test_a_word_that_is_only_spelled_has_zeros(loaded: LocalEmbedder, word: str) -> None:
    """Its letters have vectors, which say nothing of the word."""
    assert not (await loaded.embed_words([word])).any()


async def test_vectors_are_nobody_elses(loaded: LocalEmbedder) -> None:
    """A vector can be changed without changing the next one of the same text."""
    [first] = await loaded.embed(["a"])
    expected = first.copy()
    first[:] = 0

    [second] = await loaded.embed(["a"])

    np.testing.assert_array_equal(second, expected)


@pytest.mark.parametrize(
    "texts", [["x" * (INLINE_CHARS - CHARS_PER_TEXT)], ["x"] * (INLINE_CHARS // (CHARS_PER_TEXT + 1))]
)
async def test_short_calls_stay_on_the_loop(loaded: LocalEmbedder, texts: list[str]) -> None:
    """Up to the threshold, in one text or several, a call ends before any other task has its turn."""
    assert await turns_of_the_loop_during(loaded, texts) == 0


@pytest.mark.parametrize("texts", [[(PROSE * 400)[:MAX_CONTENT_CHARS]], ["a short memory"] * MAX_BATCH])
async def test_long_calls_leave_the_loop(loaded: LocalEmbedder, texts: list[str]) -> None:
    """While the longest text or the largest batch is embedded, the loop goes on turning."""
    assert await turns_of_the_loop_during(loaded, texts) > 0


async def turns_of_the_loop_during(embedder: LocalEmbedder, texts: list[str]) -> int:
    """How often another task had its turn while the texts were embedded."""
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(turn())
    await embedder.embed(texts)
    taken = turns
    other.cancel()
    await asyncio.wait([other])
    return taken


async def test_calls_at_once_do_not_mix(loaded: LocalEmbedder) -> None:
    """Calls that overlap get their own vectors."""
    expected = await loaded.embed(TEXTS)

    answers = await asyncio.gather(*(loaded.embed(TEXTS) for _ in range(4)))

    for answer in answers:
        np.testing.assert_array_equal(answer, expected)


@pytest.mark.parametrize("padding", ["", PROSE * 20], ids=["on the loop", "in a thread"])
async def test_lone_surrogates_are_rejected(metrics: Metrics, padding: str) -> None:
    """A text that is not Unicode is rejected, and the reason does not quote it."""
    embedder = await LocalEmbedder.load(metrics)

    with pytest.raises(EmbedderUnavailable) as caught:
        await embedder.embed(["private", f"private \ud800{padding}"])

    assert caught.value.outcome == "rejected"
    assert "private" not in caught.value.reason
    assert counted(metrics, "rejected") == 1


async def test_counts_from_zero(metrics: Metrics) -> None:
    """Every outcome is at zero once the model is loaded, and each call counts once."""
    embedder = await LocalEmbedder.load(metrics)
    before = [counted(metrics, outcome) for outcome in ("ok", "rejected", "cancelled")]

    await embedder.embed(["a"])
    await embedder.embed(["a"] * MAX_BATCH)

    assert before == [0, 0, 0]
    assert counted(metrics, "ok") == 2


async def test_a_cancelled_call_is_counted(metrics: Metrics) -> None:
    """A call that nobody waits for any longer is counted as cancelled."""
    embedder = await LocalEmbedder.load(metrics)
    call = asyncio.create_task(embedder.embed([PROSE * 300] * 20))
    await asyncio.sleep(0)

    call.cancel()
    await asyncio.wait([call])

    assert call.cancelled()
    assert counted(metrics, "cancelled") == 1


def test_importing_is_light() -> None:
    """Importing the module does not import the model's libraries."""
    program = "import sys, providers.embedders.local; print({'wordllama', 'tokenizers'} & set(sys.modules))"

    assert python(program) == "set()"


@pytest.mark.thorough
@pytest.mark.parametrize("setup", ["pass", "logging.basicConfig(level=logging.ERROR)"])
def test_root_logger_is_left_alone(setup: str) -> None:
    """Loading the model changes neither level nor handlers of the root logger."""
    program = f"""
import asyncio, logging
from prometheus_client import CollectorRegistry
from observability.metrics import Metrics
from providers.embedders.local import LocalEmbedder
{setup}
root = logging.getLogger()
before = root.level, list(root.handlers)
asyncio.run(LocalEmbedder.load(Metrics(CollectorRegistry())))
print(before == (root.level, root.handlers))
"""

    assert python(program) == "True"


def test_missing_package_is_named() -> None:
    """Without the optional package, loading says what to install."""
    program = """
import asyncio, sys
from prometheus_client import CollectorRegistry
from observability.metrics import Metrics
from providers.embedders.base import EmbedderUnavailable
from providers.embedders.local import LocalEmbedder
sys.modules["wordllama"] = None
try:
    asyncio.run(LocalEmbedder.load(Metrics(CollectorRegistry())))
except EmbedderUnavailable as error:
    print(error.outcome, error.reason)
"""

    assert python(program) == "misconfigured the local model is not installed: pip install 'ninaivalaigal[local]'"
