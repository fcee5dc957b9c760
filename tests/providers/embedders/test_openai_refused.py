"""Texts that a server refuses for their length are embedded by their beginning, others for themselves alone."""

from itertools import pairwise

import numpy as np
import pytest

from observability.metrics import Metrics
from providers.embedders.base import EmbedderUnavailable
from providers.embedders.local import LocalEmbedder
from providers.embedders.openai import PROBE, OpenAIEmbedder
from providers.embedders.settings import OpenAIEmbedderSettings
from providers.embedders.shortening import LEAST_CHARS, MOST_CUTS
from providers.limits import MAX_CONTENT_CHARS
from tests.support.openai_server import OpenAIServer
from tests.support.openai_too_long import TooLong, tokens_of

LIMIT = 512  # tokens; that of many small models
LONG = {
    "prose": ("The quick brown fox jumps over the lazy dog again and again. " * 600)[:MAX_CONTENT_CHARS],
    "Tamil": "நினைவலைகள் " * 2_900,
    "digits": "0123456789" * 3_200,
    "emoji": "🎉" * MAX_CONTENT_CHARS,
}
WORD = "tea "


def settings_for(server: OpenAIServer) -> OpenAIEmbedderSettings:
    """Settings that reach the server."""
    return OpenAIEmbedderSettings(base_url=server.base_url, model="some-model", timeout=30.0)


async def embedded(server: OpenAIServer, metrics: Metrics, *texts: str) -> list[np.ndarray]:
    """The vectors of texts, from an embedder that has asked nothing before."""
    async with OpenAIEmbedder.connect(settings_for(server), metrics) as embedder:
        return await embedder.embed(texts)


async def refusal(server: OpenAIServer, metrics: Metrics, *texts: str) -> EmbedderUnavailable:
    """How embedding texts fails."""
    with pytest.raises(EmbedderUnavailable) as caught:
        await embedded(server, metrics, *texts)
    return caught.value


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize("words", TooLong)
async def test_a_long_text_is_embedded_by_its_beginning(
    server: OpenAIServer, loaded: LocalEmbedder, metrics: Metrics, words: TooLong, kind: str
) -> None:
    """In whatever words its length is refused: by as much of it as fits, within a factor, and at a whole character."""
    server.max_input_tokens, server.too_long = LIMIT, words

    [vector] = await embedded(server, metrics, LONG[kind])

    [taken] = server.texts[-1]
    assert LONG[kind].startswith(taken)
    assert LIMIT * 2 / 5 < tokens_of(taken) <= LIMIT
    assert len(server.requests) <= 2 + MOST_CUTS
    np.testing.assert_allclose(vector, (await loaded.embed([taken]))[0], atol=1e-5)


@pytest.mark.parametrize("words", [TooLong.OPENAI, TooLong.TEI, TooLong.LLAMA])
async def test_a_server_that_says_how_long_is_asked_twice(
    server: OpenAIServer, metrics: Metrics, words: TooLong
) -> None:
    """The text as it is, and what the numbers in the refusal leave of it; between them the probe."""
    server.max_input_tokens, server.too_long = LIMIT, words

    await embedded(server, metrics, LONG["prose"])

    [whole], probe, [taken] = server.texts
    assert (whole, probe) == (LONG["prose"], [PROBE])
    assert tokens_of(taken) > LIMIT * 4 / 5


async def test_a_text_that_just_fits_is_sent_once(server: OpenAIServer, metrics: Metrics) -> None:
    """And one with a token more is cut."""
    server.max_input_tokens = LIMIT
    for tokens, requests in ((LIMIT, 1), (LIMIT + 1, 2)):
        server.requests.clear()
        async with OpenAIEmbedder.connect(settings_for(server), metrics) as embedder:
            await embedder.embed([PROBE])
            await embedder.embed([WORD * tokens])
        assert len(server.requests) == 1 + requests


@pytest.mark.parametrize("words", [words for words in TooLong if words is not TooLong.SILENT])
async def test_the_neighbours_of_a_long_text_are_whole(
    server: OpenAIServer, loaded: LocalEmbedder, metrics: Metrics, words: TooLong
) -> None:
    """Every other text of the batch is embedded as it is, also one that only just fits, in few requests."""
    server.max_input_tokens, server.too_long = LIMIT, words
    texts = [f"memory number {number}" for number in range(63)]
    texts[20], texts[40:40] = WORD * LIMIT, [LONG["Tamil"]]

    vectors = await embedded(server, metrics, *texts)

    whole = [number for number in range(64) if number != 40]
    expected = await loaded.embed([texts[number] for number in whole])
    np.testing.assert_allclose([vectors[number] for number in whole], expected, atol=1e-5)
    assert LONG["Tamil"].startswith(server.texts[[len(texts) for texts in server.texts].index(1, 2)][0])
    assert len(server.requests) <= 2 * 6 + 2 + MOST_CUTS


async def test_a_batch_of_long_texts_is_embedded_whole(server: OpenAIServer, metrics: Metrics) -> None:
    """Where every text is too long none keeps another from its vector."""
    server.max_input_tokens = LIMIT

    vectors = await embedded(server, metrics, *LONG.values(), *LONG.values())

    assert np.shape(vectors) == (8, 256)


async def test_a_text_that_is_refused_at_any_length_is_refused(server: OpenAIServer, metrics: Metrics) -> None:
    """After a bounded number of tries, each with half of the text before; only a text of some length is cut."""
    server.poison = {"p"}

    error = await refusal(server, metrics, "p" * MAX_CONTENT_CHARS)

    whole, probe, *cuts = server.texts
    assert (error.outcome, len(cuts), probe) == ("rejected", MOST_CUTS, [PROBE])
    assert all(len(after) == len(before) // 2 for [before], [after] in pairwise([whole, *cuts]))


@pytest.mark.parametrize(("length", "cuts"), [(LEAST_CHARS - 1, 0), (LEAST_CHARS, 1)])
async def test_a_short_text_is_not_cut(server: OpenAIServer, metrics: Metrics, length: int, cuts: int) -> None:
    """Its length cannot be why it is refused."""
    server.poison = {"p"}

    error = await refusal(server, metrics, "p" * length)

    assert error.outcome == "rejected"
    assert len(server.requests) == 2 + cuts


@pytest.mark.parametrize("nonsense", [False, True])
async def test_one_refused_text_of_several_is_to_blame(
    server: OpenAIServer, metrics: Metrics, *, nonsense: bool
) -> None:
    """Whether it is refused or given NaN for a vector: the batch is rejected, and the server is not."""
    (server.nonsense if nonsense else server.poison).add("poison")

    error = await refusal(server, metrics, "tea", "poison", "coffee")

    assert error.outcome == "rejected"
    assert "poison" not in error.reason
    assert server.texts == [["tea", "poison", "coffee"], [PROBE]]


async def test_a_server_that_takes_no_text_is_misconfigured(server: OpenAIServer, metrics: Metrics) -> None:
    """No text is blamed for that, nor cut: the probe is refused too, and what to look at is told."""
    server.poison = {""}

    error = await refusal(server, metrics, LONG["prose"])

    assert error.outcome == "misconfigured"
    assert "takes no other text either" in error.reason
    assert "base_url" in str(error.advice)
    assert len(server.requests) == 2


async def test_after_a_text_was_taken_no_probe_is_sent(server: OpenAIServer, metrics: Metrics) -> None:
    """Refusals one after the other cost one request each."""
    server.poison = {"poison"}
    async with OpenAIEmbedder.connect(settings_for(server), metrics) as embedder:
        await embedder.embed(["tea"])
        for _ in range(3):
            with pytest.raises(EmbedderUnavailable):
                await embedder.embed(["poison"])

    assert server.texts == [["tea"], ["poison"], ["poison"], ["poison"]]
