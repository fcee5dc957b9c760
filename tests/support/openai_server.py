"""An embeddings server that speaks the OpenAI API over the local model, and misbehaves on demand."""

import asyncio
import base64
import json
from collections.abc import Mapping
from enum import Enum, auto
from types import TracebackType
from typing import Literal, Self

import msgspec
import numpy as np
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from providers.embedders.base import Vector
from providers.embedders.local import LocalEmbedder
from tests.support.openai_http import Received, receive, refusal, response
from tests.support.openai_too_long import TooLong, tokens_of

HOST = "127.0.0.1"

# The limits of the real API.
MAX_INPUTS = 2_048
MAX_INPUT_TOKENS = 8_192
MAX_REQUEST_TOKENS = 300_000


class Behaviour(Enum):
    """How the server answers."""

    OK = auto()
    DOWN = auto()  # nobody listens: connection refused
    HANG = auto()  # takes the request and never answers
    DRIP = auto()  # answers one byte at a time, for ever
    STATUS = auto()  # an error with the status that `become` was given
    GARBAGE = auto()  # 200, but no JSON
    BINARY = auto()  # 200, but no text either
    TRUNCATED = auto()  # hangs up in the middle of the answer
    FLOATS = auto()  # knows no base64 and ignores that it was asked for
    SHUFFLED = auto()  # right, but in another order
    WRONG_COUNT = auto()  # one embedding too few
    WRONG_INDEX = auto()  # every embedding claims to be the first
    WRONG_DIMS = auto()  # the last embedding is shorter than the others
    NOT_FLOAT32 = auto()  # each embedding is a byte too long
    FIXED_DIMS = auto()  # ignores that shorter vectors were asked for
    NAN = auto()
    NAN_FLOATS = auto()  # as FLOATS, with NaN, which is no JSON
    ZERO = auto()


_KNOW_NO_BASE64 = {Behaviour.FLOATS, Behaviour.NAN_FLOATS}


class _EmbeddingsRequest(msgspec.Struct):
    model: str
    input: str | list[str]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class OpenAIServer:
    """Listen on a free port of the loopback for as long as the context lasts.

    Requests that break a limit of the real API, or carry another key than `api_key`, are refused as the real one
    refuses them: the message quotes the key or the text. `requests` holds what came, `inputs` counts the texts.
    A `model` that is loaded already saves half a second.

    `max_input_tokens` and `too_long` are the limit of one text, and the words in which it is told; `max_inputs` that of
    one request. A text that holds a word of `poison` is refused for what it says, `nonsense` gets NaN for a vector.
    `width` is how many dimensions the model makes, None for its own.
    """

    def __init__(self, *, api_key: str | None = None, model: LocalEmbedder | None = None) -> None:
        self.requests: list[Received] = []
        self.inputs = 0
        self.max_inputs = MAX_INPUTS
        self.max_input_tokens = MAX_INPUT_TOKENS
        self.too_long = TooLong.OPENAI
        self.poison: set[str] = set()
        self.nonsense: set[str] = set()
        self.width: int | None = None
        self._headers: dict[str, str] = {}
        self._code: str | None = None
        self._api_key = api_key
        self._behaviour = Behaviour.OK
        self._status = 500
        self._port = 0
        self._listener: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._moved_on = asyncio.Event()  # set when a hanging answer need hang no longer
        self._model = model

    @property
    def base_url(self) -> str:
        """What a client is configured with."""
        return f"http://{HOST}:{self._port}/v1"

    async def __aenter__(self) -> Self:
        self._model = self._model or await LocalEmbedder.load(Metrics(CollectorRegistry()))
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._hang_up()

    @property
    def texts(self) -> list[list[str]]:
        """The texts of each request."""
        return [json.loads(request.body)["input"] for request in self.requests]

    async def become(
        self,
        behaviour: Behaviour,
        *,
        status: int = 500,
        headers: Mapping[str, str] | None = None,
        code: str | None = None,
    ) -> None:
        """Behave differently from now on; requests that hang are released, and `DOWN` returns the port when it ends.

        `status`, with `headers` and the `code` of the error, is what `STATUS` answers with.
        """
        self._moved_on.set()
        self._moved_on = asyncio.Event()
        self._behaviour = behaviour
        self._status = status
        self._headers = dict(headers or {})
        self._code = code
        if behaviour is Behaviour.DOWN:
            await self._hang_up()
        elif self._listener is None:
            await self._listen()

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._serve, HOST, self._port)
        self._port = self._listener.sockets[0].getsockname()[1]

    async def _hang_up(self) -> None:
        if self._listener is not None:
            self._listener.close()
            await self._listener.wait_closed()
            self._listener = None
        self._moved_on.set()
        for writer in self._connections.values():
            writer.close()
        await asyncio.gather(*self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client hung up, which is its right
        finally:
            writer.close()
            del self._connections[task]

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the connection can take another."""
        received = await receive(reader)
        self.requests.append(received)
        match self._behaviour:
            case Behaviour.HANG:
                await self._moved_on.wait()
                return False
            case Behaviour.DRIP:
                await self._drip(writer)
                return False
            case Behaviour.TRUNCATED:
                answer = await self._answer(received)
                writer.write(answer[: len(answer) - 20])
                return False
        writer.write(await self._answer(received))
        await writer.drain()
        return True

    async def _drip(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n")
        while not self._moved_on.is_set() and not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    async def _answer(self, received: Received) -> bytes:
        match self._behaviour:
            case Behaviour.STATUS:
                return refusal(self._status, received.body.decode(), self._code, self._headers)
            case Behaviour.GARBAGE:
                return response(200, b"<html>Welcome to the Wi-Fi</html>")
            case Behaviour.BINARY:
                return response(200, b'{"data": "\xff\xfe"}')
        if self._api_key is not None and received.headers.get("authorization") != f"Bearer {self._api_key}":
            return refusal(401, f"Incorrect API key provided: {received.headers.get('authorization')}.")
        if received.path != "/v1/embeddings":
            return refusal(404, f"Invalid URL ({received.path})")
        return await self._embeddings(received.body)

    async def _embeddings(self, body: bytes) -> bytes:
        try:
            request = msgspec.json.decode(body, type=_EmbeddingsRequest)
        except msgspec.DecodeError as error:
            return refusal(400, str(error))
        texts = [request.input] if isinstance(request.input, str) else request.input
        self.inputs += len(texts)
        tokens = list(map(tokens_of, texts))
        if not texts or not all(texts):
            return refusal(400, "'$.input' is invalid: empty.")
        if len(texts) > self.max_inputs or sum(tokens) > MAX_REQUEST_TOKENS:
            return refusal(400, f"Too much: {texts[0]}")
        if max(tokens) > self.max_input_tokens:
            longest = texts[tokens.index(max(tokens))]
            return refusal(*self.too_long.told(self.max_input_tokens, longest))
        if any(word in text for word in self.poison for text in texts):
            return refusal(400, f"This is not embedded: {texts}", "content_policy_violation")
        assert self._model is not None
        dimensions = None if self._behaviour is Behaviour.FIXED_DIMS else request.dimensions
        made = await self._model.embed(texts)
        vectors = [_shortened(_widened(vector, self.width), dimensions) for vector in made]
        for vector, text in zip(vectors, texts, strict=True):
            if any(word in text for word in self.nonsense):
                vector[:] = np.nan
        base64_asked = request.encoding_format == "base64" and self._behaviour not in _KNOW_NO_BASE64
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": self._in_base64(vector) if base64_asked else vector.tolist(),
            }
            for index, vector in enumerate(self._spoilt(vectors))
        ]
        used = sum(tokens)
        answer = {"object": "list", "model": request.model, "usage": {"prompt_tokens": used, "total_tokens": used}}
        return response(200, json.dumps(answer | {"data": self._disordered(data)}).encode())

    def _spoilt(self, vectors: list[Vector]) -> list[Vector]:
        match self._behaviour:
            case Behaviour.WRONG_COUNT:
                return vectors[:-1]
            case Behaviour.WRONG_DIMS:
                return [*vectors[:-1], vectors[-1][:-1]]
            case Behaviour.NAN | Behaviour.NAN_FLOATS:
                return [*vectors[:-1], np.full_like(vectors[-1], np.nan)]
            case Behaviour.ZERO:
                return [*vectors[:-1], np.zeros_like(vectors[-1])]
        return vectors

    def _disordered(self, data: list[dict[str, object]]) -> list[dict[str, object]]:
        match self._behaviour:
            case Behaviour.SHUFFLED:
                return data[::-1]
            case Behaviour.WRONG_INDEX:
                return [item | {"index": 0} for item in data]
        return data

    def _in_base64(self, vector: Vector) -> str:
        extra = b"\0" if self._behaviour is Behaviour.NOT_FLOAT32 else b""
        return base64.b64encode(vector.astype("<f4").tobytes() + extra).decode()


def _shortened(vector: Vector, dimensions: int | None) -> Vector:
    """Cut a vector as the real API does: to its first dimensions, scaled back to unit length."""
    part = vector[:dimensions]
    shorter: Vector = part / np.linalg.norm(part)
    return shorter


def _widened(vector: Vector, width: int | None) -> Vector:
    """Repeat a vector until it has so many dimensions."""
    return vector if width is None else np.resize(vector, width)
