"""A server with our index: met when it is first asked, and met anew when its index is gone."""

import asyncio
from collections.abc import Callable
from typing import Any

from observability import tracing
from providers.errors import Misconfigured, TimedOut
from providers.opensearch.address import ServerAddress
from providers.opensearch.calling import Answered, Call, SearchClient
from providers.opensearch.extra import installed
from providers.opensearch.failures import IndexMissing
from providers.opensearch.greeting import Greeting, greeting_in
from providers.opensearch.preparing import WantedIndex, prepared
from providers.opensearch.vectors import IndexVectors
from providers.timing.time_limit import seconds_left

_HELLO = Call(method="GET", path="/")


class Server:
    """Send requests to a server; `client_of` makes a client by the name of a server, `timeout` is seconds."""

    def __init__(
        self,
        address: ServerAddress,
        client_of: Callable[[str, ServerAddress], SearchClient],
        wanted: WantedIndex,
        timeout: float,
        vectors: IndexVectors | None = None,
    ) -> None:
        self._address, self._client_of = address, client_of
        self._wanted, self._timeout = wanted, timeout
        self._vectors = vectors or IndexVectors(None)
        self._clients: dict[str, SearchClient] = {}
        self._greeting: Greeting | None = None
        self._index_id: str | None = None
        self._preparing = asyncio.Lock()

    async def ask(self, call: Call) -> Any:  # noqa: ANN401 - JSON
        """Return the answer to a request about the index, which is there by then.

        Raises:
            Unavailable: see `providers/opensearch/failures.py`, and `Misconfigured` for another server or index.
        """
        if self._index_id is None:
            async with self._preparing:
                if self._index_id is None:
                    await self.index_id()
        try:
            return (await self.send(call)).body
        except IndexMissing:
            self.forget()
            raise

    async def index_id(self) -> str:
        """Return the id of the index, which is examined anew, and made if there is none."""
        self.forget()
        vector = await self._vectors.field((await self.greeting()).name)
        self._index_id = await prepared(self.send, self._wanted, vector)
        self._vectors.kept = vector is not None
        return self._index_id

    async def known_index_id(self) -> str:
        """Return the id of the index as it was examined last."""
        return self._index_id or await self.index_id()

    async def greeting(self) -> Greeting:
        """Return what the server says it is, asked anew."""
        self._greeting = greeting_in((await self.send(_HELLO)).body)
        return self._greeting

    async def send(self, call: Call) -> Answered:
        """Return the answer to a request, whatever is there."""
        client = self._client(installed()[0] if self._greeting is None else self._greeting.name)
        with tracing.span(f"{call.method} {call.path}", tracing.Kind.CLIENT) as span:
            span.set("http.request.method", call.method)
            span.set("server.address", self._address.host)
            span.set("server.port", self._address.port)
            traceparent = tracing.current.get().traceparent
            try:
                async with asyncio.timeout(seconds_left(self._timeout)):
                    answered = await client.send(call, {} if traceparent is None else {"traceparent": traceparent})
            except TimeoutError as error:
                raise TimedOut("no answer from the server in time", ambiguous=call.writes) from error
        if not isinstance(answered.body, (dict, list)):
            raise Misconfigured("what answers there speaks no JSON: is url right?")
        return answered

    def forget(self) -> None:
        """Examine the index anew when it is asked for the next time."""
        self._index_id = None

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.close()

    def _client(self, name: str) -> SearchClient:
        if name not in self._clients:
            self._clients[name] = self._client_of(name, self._address)
        return self._clients[name]
