"""A server that reranks as Cohere's and Jina's do: it finds a text more relevant the more words it shares."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.openai_http import Received, receive, response


class RerankServer:
    """Answer `POST /v1/rerank`; what it was asked is in `asked`.

    `status` is what it answers with, `delay` the seconds that it takes; `body` replaces its answer; of `leaves_out` it
    gives no result.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Received] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.delay = 0.0
        self.body: bytes | None = None
        self.leaves_out: set[str] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                received = await receive(reader)
                self.asked.append(received)
                await asyncio.sleep(self.delay)
                writer.write(response(self.status, self.body or self._answer(received), self.headers))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()

    def _answer(self, received: Received) -> bytes:
        sent = json.loads(received.body)
        words = set(re.findall(r"\w+", sent["query"].lower()))
        results = [
            {"index": index, "relevance_score": len(words & set(re.findall(r"\w+", text.lower()))) / len(words)}
            for index, text in enumerate(sent["documents"])
            if text not in self.leaves_out
        ]
        results.sort(key=lambda result: -result["relevance_score"])
        return json.dumps({"id": "1", "results": results[: sent["top_n"]]}).encode()


@asynccontextmanager
async def rerank_server() -> AsyncIterator[RerankServer]:
    """Run a server on a free port."""
    server = RerankServer()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{port}/v1/rerank"
    try:
        yield server
    finally:
        listening.close()
