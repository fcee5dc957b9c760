"""A round trip of every operation of one provider, for a user made up for it, whose memories are deleted at the end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import msgspec

from providers.errors import MemoryNotFound, ProviderError, Rejected, Unavailable
from providers.examination.check import Check
from providers.examination.examination import Examination
from providers.examination.outcome import CheckFailed, CheckStatus
from providers.owners import Owner
from providers.replica import Replica
from providers.states.clock import new_memory_id
from providers.types import MemoryRecord, NewMemory, RecallQuery

WRONG = "wrong"  # the provider answered, but not what it should have

CLEAN_SECONDS = 30.0
_TRIES, _PAUSE = 3, 0.5  # seconds between them

_METADATA = {"source": "ninai providers test"}
_SEAT, _OTHER_SEAT = "I prefer a window seat on night trains", "I prefer an aisle seat on morning flights"
_SEAT_QUERY, _OTHER_SEAT_QUERY = "window seat on a train", "aisle seat on a flight"
_BATCH = ("I drink filter coffee without sugar", "My bicycle is green and has a loud bell")
_BATCH_QUERIES = ("filter coffee", "green bicycle")

T = TypeVar("T")


class RoundTrip:
    """Try every operation once. With `verbatim` a provider must return the stored text, as all do that do not infer.

    `left_behind` is why memories of `user` may still be there, None when there are none.
    """

    def __init__(self, *, verbatim: bool = True) -> None:
        self.user = f"ninai-test-{uuid4()}"
        self._owner = Owner(self.user)
        self.left_behind: str | None = None
        self.health: dict[str, Any] = {}
        self._verbatim = verbatim
        self._id = new_memory_id()
        self._contents = {_SEAT}  # of which the memory has one
        self._batch: list[str] = []
        self._perhaps: set[str] = set()  # ids under which something may be
        self._unanswered = False  # whether something was sent without a known outcome

    async def make(self, provider: Replica, examination: Examination) -> None:
        """Try every operation, and delete what was stored, whatever happens."""
        moves: list[tuple[str, Callable[[Replica], Awaitable[None]], tuple[str, ...]]] = [
            ("health_check", self._check_health, ()),
            ("remember", self._remember, ()),
            ("get", self._get, ("remember",)),
            ("recall", partial(self._recall, query=_SEAT_QUERY), ("remember",)),
            ("list_memories", self._list, ("remember",)),
            ("update", self._update, ("remember",)),
            ("recall updated", partial(self._recall, query=_OTHER_SEAT_QUERY), ("update",)),
            ("remember_many", self._remember_many, ("remember",)),
            ("recall_many", self._recall_many, ("remember_many",)),
            ("snapshot", self._snapshot, ("remember",)),
            ("snapshots", self._snapshots, ("remember",)),
            ("owners", self._owners, ("remember",)),
            ("identity", self._identity, ()),
            ("delete", self._delete, ("remember",)),
            ("get deleted", self._get_deleted, ("delete",)),
        ]
        try:
            await examination.make_all(Check(name, partial(move, provider), needs=needs) for name, move, needs in moves)
        finally:
            await self._clean(provider, examination)

    async def _check_health(self, provider: Replica) -> None:
        health = await provider.health_check()
        self.health = msgspec.to_builtins(health)
        if not health.healthy:
            raise CheckFailed(health.error or "it says no more", outcome=Unavailable.outcome)

    async def _remember(self, provider: Replica) -> None:
        with self._storing(self._id):
            stored = await provider.remember(self.user, _SEAT, _METADATA, memory_id=self._id)
        if self._verbatim:
            _expect(stored == self._id, "it was stored under another id")
        self._id = stored
        self._perhaps.add(stored)

    async def _get(self, provider: Replica) -> None:
        self._check(await provider.get(self.user, self._id))

    async def _recall(self, provider: Replica, query: str) -> None:
        self._check_among(await provider.recall(self.user, query), "the memory was not found")

    async def _list(self, provider: Replica) -> None:
        self._check_among(await provider.list_memories(self.user), "the memory is not in the list")

    async def _update(self, provider: Replica) -> None:
        self._contents.add(_OTHER_SEAT)
        updated = await provider.update(self.user, self._id, content=_OTHER_SEAT)
        self._contents = {_OTHER_SEAT}
        self._check(updated)

    async def _remember_many(self, provider: Replica) -> None:
        ids = [new_memory_id(), new_memory_id()]
        memories = [
            NewMemory(owner=self._owner, content=content, metadata=_METADATA, memory_id=memory_id)
            for content, memory_id in zip(_BATCH, ids, strict=True)
        ]
        with self._storing(*ids):
            answers = await provider.remember_many(memories)
        self._batch = _answered(answers)

    async def _recall_many(self, provider: Replica) -> None:
        queries = [RecallQuery(owner=self._owner, query=query) for query in _BATCH_QUERIES]
        found = _answered(await provider.recall_many(queries))
        for memory_id, records in zip(self._batch, found, strict=True):
            _expect(memory_id in {record.id for record in records}, "a memory of the batch was not found")

    async def _snapshot(self, provider: Replica) -> None:
        state = await provider.snapshot(self._owner, self._id)
        _expect(state is not None and not state.deleted, "the memory has no state")

    async def _snapshots(self, provider: Replica) -> None:
        ids = {state.id for state in await provider.snapshots(self._owner)}
        _expect({self._id, *self._batch} <= ids, "the state of a memory is missing")

    async def _owners(self, provider: Replica) -> None:
        # Any will do: ours may stand behind thousands of others.
        _expect(await provider.owners(1), "the store knows no user, and so no other one can be filled from it")

    async def _identity(self, provider: Replica) -> None:
        _expect(await provider.identity(), "the store has no name")

    async def _delete(self, provider: Replica) -> None:
        _expect(await provider.delete(self.user, self._id), "there was nothing to delete")

    async def _get_deleted(self, provider: Replica) -> None:
        try:
            await provider.get(self.user, self._id)
        except MemoryNotFound:
            listed = {record.id for record in await provider.list_memories(self.user)}
            _expect(self._id not in listed, "the memory was deleted, but is listed")
        else:
            raise CheckFailed("the memory was deleted, but is there", outcome=WRONG)

    def _check_among(self, records: Sequence[MemoryRecord], otherwise: str) -> None:
        found = [record for record in records if record.id == self._id]
        _expect(found, otherwise)
        self._check(found[0])

    def _check(self, record: MemoryRecord) -> None:
        _expect((record.id, record.user_id) == (self._id, self.user), "it answered with another memory")
        if self._verbatim:
            _expect(record.content in self._contents, "the content is not what was stored")
            _expect(record.metadata == _METADATA, "the metadata is not what was stored")

    @contextmanager
    def _storing(self, *ids: str) -> Iterator[None]:
        """Assume memories under these ids, unless an error excludes them."""
        self._perhaps.update(ids)
        self._unanswered = True
        try:
            yield
        except ProviderError as error:
            if isinstance(error, Rejected) or (isinstance(error, Unavailable) and not error.ambiguous):
                self._perhaps.difference_update(ids)
                self._unanswered = False
            raise
        self._unanswered = False

    async def _clean(self, provider: Replica, examination: Examination) -> None:
        if not self._perhaps:
            return
        self.left_behind = "their deletion was broken off"
        why: str | None = f"they could not be deleted within {CLEAN_SECONDS:g} s"
        with suppress(TimeoutError):
            async with asyncio.timeout(CLEAN_SECONDS):
                for left in reversed(range(_TRIES)):
                    outcome = await examination.attempt(Check("clean", partial(self._delete_all, provider)))
                    why = None if outcome.status is CheckStatus.OK else outcome.found
                    if why is None or not left:
                        break
                    await asyncio.sleep(_PAUSE)
        if why is None and self._unanswered and not self._verbatim:
            why = "a language model may still be at work on what was sent"
        self.left_behind = why

    async def _delete_all(self, provider: Replica) -> None:
        for memory_id in list(self._perhaps):
            await provider.delete(self.user, memory_id)
        # Under other ids, too: the memories that a language model has inferred from a text.
        for record in await provider.list_memories(self.user):
            await provider.delete(self.user, record.id)
        _expect(not await provider.list_memories(self.user, 1), "memories are still listed after they were deleted")


def _answered(answers: Sequence[T | ProviderError]) -> list[T]:
    """Return all answers, or raise the first error among them."""
    given: list[T] = []
    for answer in answers:
        if isinstance(answer, ProviderError):
            raise answer
        given.append(answer)
    return given


def _expect(truth: object, otherwise: str) -> None:
    if not truth:
        raise CheckFailed(otherwise, outcome=WRONG)
