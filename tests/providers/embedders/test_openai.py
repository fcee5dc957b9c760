"""The OpenAI embedder: the real client against a server that answers well, badly, late, or not at all."""

import asyncio
import importlib
import json
import logging
from collections.abc import Iterator

import numpy as np
import openai
import pytest

from observability.metrics import Metrics
from observability.secret import Secret
from providers.embedders.base import Embedder, EmbedderUnavailable
from providers.embedders.local import LocalEmbedder
from providers.embedders.openai import MAX_REQUEST_BYTES, PROBE, OpenAIEmbedder
from providers.embedders.openai_failures import OUTCOME_OF_ERROR, OUTCOMES
from providers.embedders.settings import OpenAIEmbedderSettings
from providers.limits import MAX_BATCH, MAX_CONTENT_CHARS
from tests.support.openai_server import Behaviour, OpenAIServer

KEY = "sk-private-key"
TEXTS = ["I prefer window seats", "நினைவலைகள்", "记忆服务", "🎉", "a private text"]


def settings_for(
    server: OpenAIServer, *, dimensions: int | None = None, timeout: float = 30.0, batch_size: int = 2048
) -> OpenAIEmbedderSettings:
    """Settings that reach the server."""
    return OpenAIEmbedderSettings(
        api_key=Secret(KEY),
        base_url=server.base_url,
        model="some-model",
        dimensions=dimensions,
        timeout=timeout,
        batch_size=batch_size,
    )


async def refusal(settings: OpenAIEmbedderSettings, metrics: Metrics, texts: list[str] = TEXTS) -> EmbedderUnavailable:
    """The error that embedding the texts ends with, once it is sure that it tells no secrets and is counted."""
    async with OpenAIEmbedder.connect(settings, metrics) as embedder:
        with pytest.raises(EmbedderUnavailable) as caught:
            await embedder.embed(texts)
    assert "private" not in caught.value.reason
    assert counted(metrics, caught.value.outcome) == 1
    return caught.value


def counted(metrics: Metrics, outcome: str) -> float | None:
    """How many calls were recorded with this outcome."""
    labels = {"embedder": "openai", "outcome": outcome}
    return metrics.registry.get_sample_value("ninai_embedder_duration_seconds_count", labels)


def subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    """Every class below this one."""
    for below in kind.__subclasses__():
        yield below
        yield from subclasses(below)


@pytest.mark.parametrize("behaviour", [Behaviour.OK, Behaviour.FLOATS, Behaviour.SHUFFLED])
async def test_vectors_come_in_order(
    server: OpenAIServer, loaded: LocalEmbedder, metrics: Metrics, behaviour: Behaviour
) -> None:
    """Each text gets its own vector, whatever the order and encoding of the answer."""
    await server.become(behaviour)

    async with OpenAIEmbedder.connect(settings_for(server), metrics) as embedder:
        actual = await embedder.embed(TEXTS)

    assert isinstance(embedder, Embedder)
    assert embedder.model == "openai/some-model"
    np.testing.assert_allclose(actual, await loaded.embed(TEXTS), atol=1e-6)
    assert {vector.dtype for vector in actual} == {np.dtype(np.float32)}
    assert counted(metrics, "ok") == 1


async def test_one_request_for_one_batch(server: OpenAIServer, metrics: Metrics) -> None:
    """Texts that fit travel in one request, with key and model and nothing that was not set."""
    async with OpenAIEmbedder.connect(settings_for(server), metrics) as embedder:
        await embedder.embed(TEXTS)

    [request] = server.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert json.loads(request.body) == {"input": TEXTS, "model": "some-model", "encoding_format": "base64"}


async def test_dimensions(server: OpenAIServer, metrics: Metrics) -> None:
    """Shortened vectors are asked for when set, have unit length, and are part of the model's name."""
    async with OpenAIEmbedder.connect(settings_for(server, dimensions=64), metrics) as embedder:
        actual = await embedder.embed(TEXTS)

    assert embedder.model == "openai/some-model@64"
    assert np.shape(actual) == (len(TEXTS), 64)
    np.testing.assert_allclose(np.linalg.norm(actual, axis=1), 1.0, atol=1e-6)


async def test_no_texts_no_request(server: OpenAIServer, metrics: Metrics) -> None:
    """No texts give no vectors, without a request."""
    async with OpenAIEmbedder.connect(settings_for(server), metrics) as embedder:
        assert await embedder.embed([]) == []

    assert server.requests == []


async def test_empty_text_is_a_space(server: OpenAIServer, loaded: LocalEmbedder, metrics: Metrics) -> None:
    """An empty text, which the API refuses, is embedded as one space."""
    async with OpenAIEmbedder.connect(settings_for(server), metrics) as embedder:
        [actual] = await embedder.embed([""])

    np.testing.assert_allclose(actual, (await loaded.embed([" "]))[0], atol=1e-6)


async def test_batches(server: OpenAIServer, loaded: LocalEmbedder, metrics: Metrics) -> None:
    """More texts than one request may hold are sent in several, and come back in order."""
    texts = [f"memory number {number}" for number in range(25)]

    async with OpenAIEmbedder.connect(settings_for(server, batch_size=10), metrics) as embedder:
        actual = await embedder.embed(texts)

    assert [len(json.loads(request.body)["input"]) for request in server.requests] == [10, 10, 5]
    np.testing.assert_allclose(actual, await loaded.embed(texts), atol=1e-6)
    assert counted(metrics, "ok") == 1


async def test_large_batch_keeps_to_the_limits(server: OpenAIServer, metrics: Metrics) -> None:
    """A thousand long texts are sent in requests that each keep to the limit on tokens."""
    texts = ["A memory of some hundred words. " * 20] * MAX_BATCH

    async with OpenAIEmbedder.connect(settings_for(server), metrics) as embedder:
        actual = await embedder.embed(texts)

    assert len(actual) == MAX_BATCH
    sizes = [sum(len(text.encode()) for text in json.loads(request.body)["input"]) for request in server.requests]
    assert max(sizes) <= MAX_REQUEST_BYTES
    assert len(sizes) == -(-sum(len(text) for text in texts) // MAX_REQUEST_BYTES)


async def test_longest_prose_is_sent_whole(server: OpenAIServer, loaded: LocalEmbedder, metrics: Metrics) -> None:
    """The longest memory, in English, is embedded from its first to its last word in one request."""
    text = ("The quick brown fox jumps over the lazy dog again and again. " * 600)[:MAX_CONTENT_CHARS]

    async with OpenAIEmbedder.connect(settings_for(server), metrics) as embedder:
        [actual] = await embedder.embed([text])

    assert len(server.requests) == 1
    np.testing.assert_allclose(actual, (await loaded.embed([text]))[0], atol=1e-5)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (307, "misconfigured"),
        (400, "misconfigured"),
        (401, "misconfigured"),
        (402, "out_of_quota"),
        (403, "misconfigured"),
        (404, "misconfigured"),
        (405, "misconfigured"),
        (408, "timeout"),
        (409, "unavailable"),
        (413, "misconfigured"),
        (418, "unavailable"),
        (422, "misconfigured"),
        (429, "throttled"),
        (500, "unavailable"),
        (502, "unavailable"),
        (503, "unavailable"),
    ],
)
async def test_statuses(server: OpenAIServer, metrics: Metrics, status: int, outcome: str) -> None:
    """Each refusal has its outcome after one request, and its reason quotes neither key nor text.

    Where the texts may be to blame, a second one shows that they are not.
    """
    await server.become(Behaviour.STATUS, status=status)

    error = await refusal(settings_for(server), metrics)

    assert error.outcome == outcome
    assert error.reason.startswith(f"the embedding server answered with status {status}")
    assert server.texts == [TEXTS, *([[PROBE]] if status in {400, 413, 422} else [])]


@pytest.mark.parametrize("behaviour", [Behaviour.HANG, Behaviour.DRIP])
async def test_timeout(server: OpenAIServer, metrics: Metrics, behaviour: Behaviour) -> None:
    """A server that is silent, or never done, is given up after the time allowed."""
    await server.become(behaviour)

    error = await refusal(settings_for(server, timeout=0.2), metrics)

    assert error.outcome == "timeout"


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour.DOWN,
        Behaviour.GARBAGE,
        Behaviour.BINARY,
        Behaviour.TRUNCATED,
        Behaviour.WRONG_COUNT,
        Behaviour.WRONG_INDEX,
        Behaviour.WRONG_DIMS,
        Behaviour.NOT_FLOAT32,
    ],
)
async def test_no_answer_and_nonsense(server: OpenAIServer, metrics: Metrics, behaviour: Behaviour) -> None:
    """A server that is gone, or whose answer is not what was asked for, is unavailable."""
    await server.become(behaviour)

    error = await refusal(settings_for(server), metrics)

    assert error.outcome == "unavailable"


async def test_nan_in_json(server: OpenAIServer, metrics: Metrics) -> None:
    """A vector of NaN is refused in JSON numbers too, which are none then."""
    await server.become(Behaviour.NAN_FLOATS)

    error = await refusal(settings_for(server), metrics)

    assert error.outcome == "unavailable"


@pytest.mark.parametrize("behaviour", [Behaviour.NAN, Behaviour.ZERO])
async def test_vectors_without_a_direction(server: OpenAIServer, metrics: Metrics, behaviour: Behaviour) -> None:
    """A model whose every vector is NaN or zero is for an operator to mend."""
    await server.become(behaviour)

    error = await refusal(settings_for(server), metrics)

    assert error.outcome == "misconfigured"


async def test_dimensions_that_were_not_asked_for(server: OpenAIServer, metrics: Metrics) -> None:
    """A model that cannot make the dimensions that are configured is for an operator to mend."""
    await server.become(Behaviour.FIXED_DIMS)

    error = await refusal(settings_for(server, dimensions=64), metrics)

    assert error.outcome == "misconfigured"
    assert "256 dimensions, but 64 are configured" in error.reason
    assert "embedder.dimensions" in str(error.advice)


async def test_lone_surrogates_are_rejected(server: OpenAIServer, metrics: Metrics) -> None:
    """A text that is not Unicode is rejected before anything is sent."""
    error = await refusal(settings_for(server), metrics, ["private \ud800"])

    assert error.outcome == "rejected"
    assert server.requests == []


async def test_recovers(server: OpenAIServer, metrics: Metrics) -> None:
    """The same embedder works again as soon as the server does."""
    async with OpenAIEmbedder.connect(settings_for(server), metrics) as embedder:
        for behaviour in (Behaviour.DOWN, Behaviour.STATUS, Behaviour.TRUNCATED):
            await server.become(behaviour)
            with pytest.raises(EmbedderUnavailable):
                await embedder.embed(TEXTS)
            await server.become(Behaviour.OK)
            assert len(await embedder.embed(TEXTS)) == len(TEXTS)


async def test_a_cancelled_call_is_counted(server: OpenAIServer, metrics: Metrics) -> None:
    """A call that nobody waits for any longer is counted as cancelled."""
    await server.become(Behaviour.HANG)
    async with OpenAIEmbedder.connect(settings_for(server), metrics) as embedder:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await embedder.embed(TEXTS)

    assert counted(metrics, "cancelled") == 1


async def test_wrong_key(loaded: LocalEmbedder, metrics: Metrics) -> None:
    """A key that the server does not know is misconfigured, and the reason does not quote it."""
    async with OpenAIServer(api_key="another", model=loaded) as server:
        error = await refusal(settings_for(server), metrics)

    assert error.outcome == "misconfigured"


async def test_no_key_for_the_official_server(metrics: Metrics) -> None:
    """Without key and base URL the embedder opens, and says what is missing once it is asked."""
    error = await refusal(OpenAIEmbedderSettings(), metrics)

    assert error.outcome == "misconfigured"
    assert error.reason == "no API key is set"


async def test_no_key_for_another_server(server: OpenAIServer, metrics: Metrics) -> None:
    """A server of one's own is asked without a key of one's own."""
    async with OpenAIEmbedder.connect(OpenAIEmbedderSettings(base_url=server.base_url), metrics) as embedder:
        vectors = await embedder.embed(TEXTS)

    assert len(vectors) == len(TEXTS)


@pytest.mark.parametrize("key", ["sk-pri\u2026vate", "sk-private\n"])
async def test_key_that_no_header_carries(server: OpenAIServer, metrics: Metrics, key: str) -> None:
    """A key with characters that HTTP cannot send is misconfigured, and nothing is sent."""
    error = await refusal(OpenAIEmbedderSettings(api_key=Secret(key), base_url=server.base_url), metrics)

    assert error.outcome == "misconfigured"
    assert server.requests == []


async def test_environment_does_not_leak_in(
    server: OpenAIServer, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No variable of openai, and no proxy, changes what is sent or where."""
    for name in ("ORG_ID", "PROJECT_ID", "ADMIN_KEY", "WEBHOOK_SECRET", "API_KEY"):
        monkeypatch.setenv(f"OPENAI_{name}", "leaked")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Custom: leaked\nAuthorization: leaked")
    for name in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/leaked")

    async with OpenAIEmbedder.connect(settings_for(server), metrics) as embedder:
        await embedder.embed(TEXTS)

    [request] = server.requests
    assert "leaked" not in repr(request)
    assert (await refusal(OpenAIEmbedderSettings(), metrics)).reason == "no API key is set"


async def test_logs_tell_nothing(server: OpenAIServer, metrics: Metrics, caplog: pytest.LogCaptureFixture) -> None:
    """Even at the lowest level no log line holds a text or the key."""
    with caplog.at_level(logging.DEBUG):
        async with OpenAIEmbedder.connect(settings_for(server), metrics) as embedder:
            await embedder.embed(TEXTS)

    assert "private" not in caplog.text


async def test_counts_from_zero(server: OpenAIServer, metrics: Metrics) -> None:
    """Every outcome is at zero as soon as the embedder is open."""
    async with OpenAIEmbedder.connect(settings_for(server), metrics):
        assert [counted(metrics, outcome) for outcome in OUTCOMES] == [0] * len(OUTCOMES)


def test_every_error_of_the_client_is_mapped() -> None:
    """Every exception that openai exports has an outcome of its own, and every other one has its parent's."""
    exported = [getattr(openai, name) for name in openai.__all__]
    errors = {kind for kind in exported if isinstance(kind, type) and issubclass(kind, Exception)}
    importlib.import_module("openai.lib.azure")

    assert errors - set(OUTCOME_OF_ERROR) == set()
    assert set(OUTCOME_OF_ERROR.values()) <= set(OUTCOMES)
    assert [kind for kind in subclasses(openai.OpenAIError) if not issubclass(kind, tuple(OUTCOME_OF_ERROR))] == []
