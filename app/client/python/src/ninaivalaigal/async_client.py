"""The client for asyncio."""

import asyncio
import functools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any, Concatenate, Self, Unpack

import httpx

from ninaivalaigal import operations
from ninaivalaigal.attempts import Attempts, Retries
from ninaivalaigal.calls import Call, Plan, R, T
from ninaivalaigal.connection import DEFAULT_URL, FOLLOWED_SECONDS, Connection, P, signed
from ninaivalaigal.errors import ClientError
from ninaivalaigal.exporting import Export
from ninaivalaigal.options import ExportOptions, ListOptions
from ninaivalaigal.values import ChangedMemories, Memory, Page


def _awaited(operation: Callable[P, Call[T]]) -> "Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]":
    """Return the coroutine method that sends an operation."""

    @functools.wraps(operation)
    async def method(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.send(operation(*args, **kwargs))

    return signed(method, operation)


class AsyncClient(Connection):
    """The same as a client for asyncio; `http` is one of one's own, which is left open."""

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        key: str | None = None,
        user: str | None = None,
        retries: Retries = Retries(),  # noqa: B008 - frozen
        http: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(base_url, key, user, retries)
        self._http, self._owned = http or httpx.AsyncClient(), http is None
        self._sleep, self._chance = sleep, chance

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections, unless they are of a client that was given."""
        if self._owned:
            await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """Make a call, as often as needed, and return its answer."""
        attempts = Attempts(call, self.retries, self._chance)
        while True:
            outcome: httpx.Response | httpx.TransportError
            try:
                outcome = await self._http.send(self.request(self._http, call))
            except httpx.TransportError as error:
                outcome = error
            pause = attempts.pause_after(outcome)
            if pause is None:
                return attempts.result(outcome)
            await self._sleep(pause)

    async def run(self, plan: Plan[R]) -> R:
        """Make the calls of a plan one after the other, and return its result."""
        try:
            call = next(plan)
            while True:
                try:
                    answer = await self.send(call)
                except ClientError as error:
                    call = plan.throw(error)
                else:
                    call = plan.send(answer)
        except StopIteration as end:
            result: R = end.value
            return result

    async def pages(self, **listing: Unpack[ListOptions]) -> AsyncIterator[Page]:
        """Yield every page of a list; raise as `Client.pages`."""
        while True:
            page = await self.query_memories(**listing)
            yield page
            if page.next_cursor is None:
                return
            listing |= {"cursor": page.next_cursor, "offset": None}

    async def memories(self, **listing: Unpack[ListOptions]) -> AsyncIterator[Memory]:
        """Yield every memory of a list; raise as `Client.pages`."""
        async for page in self.pages(**listing):
            for memory in page.memories:
                yield memory

    async def follow(
        self, after: str | None = None, *, wait_seconds: int = FOLLOWED_SECONDS, user: str | None = None
    ) -> AsyncIterator[ChangedMemories]:
        """Yield what changes for ever, as it happens; as `Client.follow`."""
        while True:
            told = await self.changes(after=after, wait_seconds=wait_seconds, user=user)
            after = told.next
            if told.changes:
                yield told

    async def export(self, **wanted: Unpack[ExportOptions]) -> AsyncIterator[bytes]:
        """Yield the lines of an export, many at a time; as `Client.export`."""
        export = Export(operations.export(**wanted), self.retries, self._chance)
        while not export.complete:
            async for certain in self._exported(export):
                yield certain
            if (pause := export.pause()) is not None:
                await self._sleep(pause)

    async def _exported(self, export: Export) -> AsyncIterator[bytes]:
        """Yield what one request brings that is certain, and note what has ended it."""
        try:
            response = await self._http.send(self.request(self._http, export.request()), stream=True)
            async with aclosing(response):
                if not response.is_success:
                    await response.aread()
                    export.ended(response)
                    return
                async for piece in response.aiter_bytes():
                    if certain := export.take(piece):
                        yield certain
        except httpx.TransportError as error:
            export.ended(error)

    remember = _awaited(operations.remember)
    remember_messages = _awaited(operations.remember_messages)
    remember_batch = _awaited(operations.remember_batch)
    recall = _awaited(operations.recall)
    recall_batch = _awaited(operations.recall_batch)
    get = _awaited(operations.get)
    history = _awaited(operations.history)
    restore = _awaited(operations.restore)
    list_memories = _awaited(operations.list_memories)
    query_memories = _awaited(operations.query_memories)
    update = _awaited(operations.update)
    update_batch = _awaited(operations.update_batch)
    delete = _awaited(operations.delete)
    delete_batch = _awaited(operations.delete_batch)
    delete_matching = _awaited(operations.delete_matching)
    count_matching = _awaited(operations.count_matching)
    delete_everything = _awaited(operations.delete_everything)
    erase_everything = _awaited(operations.erase_everything)
    erasure = _awaited(operations.erasure)
    import_lines = _awaited(operations.import_lines)
    put_by_key = _awaited(operations.put_by_key)
    get_by_key = _awaited(operations.get_by_key)
    delete_by_key = _awaited(operations.delete_by_key)
    list_keys = _awaited(operations.list_keys)
    rename_keys = _awaited(operations.rename_keys)
    changes = _awaited(operations.changes)
    health = _awaited(operations.health)
