"""A server that speaks the OpenAI chat API: it states the facts that a test gives it, and misbehaves on demand."""

import asyncio
import json
from types import TracebackType
from typing import Any, Self

from tests.support.openai_http import Received, receive, refusal, response

HOST = "127.0.0.1"


class ChatServer:
    """Listen on a free port of the loopback for as long as the context lasts.

    `facts` is what it states, each with its sources; `content`, if it is set, is said instead. With a `status` it
    refuses, and quotes what it was sent. It answers while `open` is set. `requests` holds what came.
    """

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.facts: list[object] = []
        self.content: str | None = None
        self.status = 200
        self.open = asyncio.Event()
        self.open.set()
        self._server: asyncio.Server | None = None
        self._exchanges: set[asyncio.Task[Any]] = set()

    @property
    def base_url(self) -> str:
        """What a client is configured with."""
        assert self._server is not None
        return f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}/v1"

    @property
    def asked(self) -> list[list[dict[str, str]]]:
        """The conversation of each request."""
        return [json.loads(request.body)["messages"] for request in self.requests]

    def state(self, *facts: tuple[str, list[int]]) -> None:
        """State these facts from now on."""
        self.facts = [{"fact": fact, "sources": sources} for fact, sources in facts]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.open.set()
        await asyncio.gather(*self._exchanges)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._exchanges.add(task)
        try:
            received = await receive(reader)
            self.requests.append(received)
            await self.open.wait()
            writer.write(self._answer(received))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client hung up, which is its right
        finally:
            writer.close()
            self._exchanges.discard(task)

    def _answer(self, received: Received) -> bytes:
        closing = {"connection": "close"}
        if self.status != 200 or received.path != "/v1/chat/completions":
            return refusal(max(self.status, 400), received.body.decode(), headers=closing)
        said = json.dumps({"facts": self.facts}) if self.content is None else self.content
        message = {"role": "assistant", "content": said}
        return response(200, json.dumps({"choices": [{"index": 0, "message": message}]}).encode(), closing)
