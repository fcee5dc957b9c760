"""The client that waits for its answers."""

import functools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Concatenate, Self, Unpack

import httpx

from ninaivalaigal import operations
from ninaivalaigal.attempts import Attempts, Retries
from ninaivalaigal.calls import Call, Plan, R, T
from ninaivalaigal.connection import DEFAULT_URL, FOLLOWED_SECONDS, Connection, P, signed
from ninaivalaigal.errors import ClientError
from ninaivalaigal.exporting import Export
from ninaivalaigal.options import ExportOptions, ListOptions
from ninaivalaigal.values import ChangedMemories, Memory, Page


def _waiting(operation: Callable[P, Call[T]]) -> "Callable[Concatenate[Client, P], T]":
    """Return the method that sends an operation, and waits."""

    @functools.wraps(operation)
    def method(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(operation(*args, **kwargs))

    return signed(method, operation)


class Client(Connection):
    """A client that waits for its answers.

    `user` is that of every call that names none. A call is repeated as `retries` says; `http` is a client of one's own,
    for proxies and certificates, which is left open. Threads may share it.
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        key: str | None = None,
        user: str | None = None,
        retries: Retries = Retries(),  # noqa: B008 - frozen
        http: httpx.Client | None = None,
        sleep: Callable[[float], object] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(base_url, key, user, retries)
        self._http, self._owned = http or httpx.Client(), http is None
        self._sleep, self._chance = sleep, chance

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, unless they are of a client that was given."""
        if self._owned:
            self._http.close()

    def send(self, call: Call[T]) -> T:
        """Make a call, as often as needed, and return its answer."""
        attempts = Attempts(call, self.retries, self._chance)
        while True:
            outcome: httpx.Response | httpx.TransportError
            try:
                outcome = self._http.send(self.request(self._http, call))
            except httpx.TransportError as error:
                outcome = error
            pause = attempts.pause_after(outcome)
            if pause is None:
                return attempts.result(outcome)
            self._sleep(pause)

    def run(self, plan: Plan[R]) -> R:
        """Make the calls of a plan one after the other, and return its result."""
        try:
            call = next(plan)
            while True:
                try:
                    answer = self.send(call)
                except ClientError as error:
                    call = plan.throw(error)
                else:
                    call = plan.send(answer)
        except StopIteration as end:
            result: R = end.value
            return result

    def pages(self, **listing: Unpack[ListOptions]) -> Iterator[Page]:
        """Yield every page of a list, each fetched when it is asked for.

        Raises:
            LostCursor: another provider answers now; begin again.
        """
        while True:
            page = self.query_memories(**listing)
            yield page
            if page.next_cursor is None:
                return
            listing |= {"cursor": page.next_cursor, "offset": None}

    def memories(self, **listing: Unpack[ListOptions]) -> Iterator[Memory]:
        """Yield every memory of a list; raise as `pages`."""
        for page in self.pages(**listing):
            yield from page.memories

    def follow(
        self, after: str | None = None, *, wait_seconds: int = FOLLOWED_SECONDS, user: str | None = None
    ) -> Iterator[ChangedMemories]:
        """Yield what changes for ever, as it happens: keep the `next` of each, and begin with it the next time.

        Raises:
            LostCursor: the store was restored or replaced; begin again without a cursor.
        """
        while True:
            told = self.changes(after=after, wait_seconds=wait_seconds, user=user)
            after = told.next
            if told.changes:
                yield told

    def export(self, **wanted: Unpack[ExportOptions]) -> Iterator[bytes]:
        """Yield the lines of an export, many at a time, each with its end.

        What was yielded is certain: an export that is cut off goes on by itself, behind its last checkpoint.

        Raises:
            LostCursor: it cannot go on there; begin again.
        """
        export = Export(operations.export(**wanted), self.retries, self._chance)
        while not export.complete:
            yield from self._exported(export)
            if (pause := export.pause()) is not None:
                self._sleep(pause)

    def _exported(self, export: Export) -> Iterator[bytes]:
        """Yield what one request brings that is certain, and note what has ended it."""
        try:
            with closing(self._http.send(self.request(self._http, export.request()), stream=True)) as response:
                if not response.is_success:
                    response.read()
                    export.ended(response)
                    return
                for piece in response.iter_bytes():
                    if certain := export.take(piece):
                        yield certain
        except httpx.TransportError as error:
            export.ended(error)

    remember = _waiting(operations.remember)
    remember_messages = _waiting(operations.remember_messages)
    remember_batch = _waiting(operations.remember_batch)
    recall = _waiting(operations.recall)
    recall_batch = _waiting(operations.recall_batch)
    get = _waiting(operations.get)
    history = _waiting(operations.history)
    restore = _waiting(operations.restore)
    list_memories = _waiting(operations.list_memories)
    query_memories = _waiting(operations.query_memories)
    update = _waiting(operations.update)
    update_batch = _waiting(operations.update_batch)
    delete = _waiting(operations.delete)
    delete_batch = _waiting(operations.delete_batch)
    delete_matching = _waiting(operations.delete_matching)
    count_matching = _waiting(operations.count_matching)
    delete_everything = _waiting(operations.delete_everything)
    erase_everything = _waiting(operations.erase_everything)
    erasure = _waiting(operations.erasure)
    import_lines = _waiting(operations.import_lines)
    put_by_key = _waiting(operations.put_by_key)
    get_by_key = _waiting(operations.get_by_key)
    delete_by_key = _waiting(operations.delete_by_key)
    list_keys = _waiting(operations.list_keys)
    rename_keys = _waiting(operations.rename_keys)
    changes = _waiting(operations.changes)
    health = _waiting(operations.health)
