"""The states of memories in an index: each is compared and set by the number of its document."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from msgspec import Struct

from providers.errors import Unavailable
from providers.histories import VersionPlace
from providers.keyed.shelf import HeldState, Replacement, Shelf, parts_of
from providers.keyed.steps import StateStep
from providers.keyed.vectors import EmbeddedState, MemoryVector
from providers.opensearch.documents import document_of, head_id, route_of, state_id
from providers.opensearch.heads import OwnerHead, decode_head, encode_head
from providers.opensearch.index import ABSENT, FoundDocument, Index, Number, Write
from providers.opensearch.vectors import EMBEDDED_SOURCE, IndexVectors
from providers.opensearch.versions import VersionDocuments
from providers.owners import Owner
from providers.retention import NO_HISTORY, Retention
from providers.states.clock import HybridClock
from providers.states.codec import decode
from providers.timing.turns import in_turns
from providers.types import Snapshot

_MOST_HEADS = 10_000  # of owners, that are kept: a wrong one costs one more trip
_LONGEST_WAIT = 0.02  # seconds, until what somebody else was quicker with is tried again
_MOST_TRIES = 100  # to write a head in the place of others' ones


class HeldHead(Struct, frozen=True):
    """A head as it was read, and the number of its document."""

    head: OwnerHead
    number: Number


class OpenSearchShelf(Shelf[Number]):
    """Read states in real time, and write them together with what heads them.

    Writes of one owner wait for each other in this process: they would only hinder each other at the server.
    """

    def __init__(
        self,
        index: Index,
        retention: Retention = NO_HISTORY,
        clock: HybridClock | None = None,
        vectors: IndexVectors | None = None,
    ) -> None:
        self.index, self.versions = index, VersionDocuments(index)
        self.vectors = vectors or IndexVectors(None)
        self._retention, self._clock = retention, clock or HybridClock()
        self._heads: OrderedDict[Owner, HeldHead] = OrderedDict()
        self._writing: WeakValueDictionary[Owner, asyncio.Lock] = WeakValueDictionary()

    def keeps(self, version: Snapshot) -> bool:
        """See `Shelf`."""
        return self._retention.keep > 0 and self._retention.keeps(version.version, self._clock.milliseconds())

    async def read(self, owner: Owner, ids: Sequence[str]) -> dict[str, HeldState[Number]]:
        """See `Shelf`."""
        found: list[FoundDocument | None] = []
        for part in parts_of(ids):
            found += await self.index.get([state_id(owner, memory_id) for memory_id in part], route_of(owner))
        held = await in_turns(_held, found)
        return dict(zip(ids, held, strict=True))

    async def embedded(self, owner: Owner, ids: Sequence[str]) -> dict[str, tuple[Number, EmbeddedState | None]]:
        """Return what `read` does, with the vectors that count."""
        found: list[FoundDocument | None] = []
        fields = EMBEDDED_SOURCE if self.vectors.model else ("state",)
        for part in parts_of(ids):
            found += await self.index.get([state_id(owner, one) for one in part], route_of(owner), fields)
        states = await in_turns(self._embedded, found)
        numbers = [ABSENT if one is None else one.number for one in found]
        return dict(zip(ids, zip(numbers, states, strict=True), strict=True))

    async def embed(self, owner: Owner, ids: Sequence[str]) -> int:
        """Write living memories anew, with vectors as far as they can be made now; return how many were."""
        lock = self._writing.setdefault(owner, asyncio.Lock())
        async with lock:
            found = await self.read(owner, ids)
            living = {one: held for one, held in found.items() if held.state is not None and not held.state.deleted}
            made = await self.vectors.of_texts([_text_in(held) for held in living.values()])
            embedded = [one for one, vector in zip(living, made, strict=True) if vector is not None]
            again = [Replacement(one, living[one], living[one].state) for one in embedded]
            if again:
                await self._put(owner, again, dict(zip(living, made, strict=True)))
            return len(again)

    async def head(self, owner: Owner) -> HeldHead | None:
        """Return what heads an owner now, None if nothing was ever written."""
        [found] = await self.index.get([head_id(owner)], route_of(owner))
        if found is None:
            self._heads.pop(owner, None)
            return None
        return self._keep(owner, HeldHead(decode_head(found.text), found.number))

    async def put_head(self, owner: Owner, held: HeldHead, after: OwnerHead | None) -> bool:
        """Put a head in the place of one that was read, None to remove it; return False where another one is there."""
        write = Write(head_id(owner), held.number, None) if after is None else _heading(owner, after, held.number)
        self._heads.pop(owner, None)
        [number] = await self.index.put([write], route_of(owner))
        return number is not None

    async def write(
        self, owner: Owner, changes: Sequence[Replacement[Number]], found: Mapping[str, HeldState[Number]]
    ) -> set[str]:
        """See `Shelf`; what is found and stays is written anew, because a read may be ahead of the other copies.

        Versions are there before the states that supersede them, so that none is lost, and go after a tombstone is
        there, so that none stays. Of a memory that has no state yet there is nothing to compare: whoever adds versions
        looks for a tombstone afterwards.
        """
        versions = [version for change in changes for version in change.superseded]
        stateless = {change.memory_id for change in changes if change.after is None}
        if stateless:
            await self._headed(owner)
        made = await self.versions.put(owner, versions) if versions else []
        changed = {change.memory_id for change in changes}
        again = [
            Replacement(memory_id, held, held.state)
            for memory_id, held in found.items()
            if held.state is not None and memory_id not in changed
        ]
        refused: set[str] = set()
        for part in parts_of([*(change for change in changes if change.after is not None), *again]):
            refused |= await self._put(owner, part)
        buried = [change.memory_id for change in changes if change.after is not None and change.after.deleted]
        if self._retention.keep > 0:
            await self.versions.bury(owner, [memory_id for memory_id in buried if memory_id not in refused])
        doubtful = [*dict.fromkeys(one.id for one in versions if one.id in stateless or one.id in refused)]
        refused |= await self._taken_back(owner, doubtful, made, refused)
        if refused:
            await asyncio.sleep(random.uniform(0, _LONGEST_WAIT))  # noqa: S311 - so that two do not meet again
        return refused

    async def settle_owner(self, owner: Owner, steps: Sequence[tuple[int, StateStep[Any]]]) -> dict[int, Any]:
        """See `Shelf`."""
        lock = self._writing.setdefault(owner, asyncio.Lock())
        async with lock:
            return await super().settle_owner(owner, steps)

    async def _taken_back(
        self, owner: Owner, doubtful: Sequence[str], made: Sequence[VersionPlace], refused: Collection[str]
    ) -> set[str]:
        """Remove versions that were put while their memories were deleted or erased; return whose have a state now."""
        states = await self.states(owner, doubtful) if doubtful else {}
        gone = {one for one in doubtful if (states[one].deleted if one in states else one in refused)}
        await self.versions.drop(owner, [place for place in made if place[0] in gone])
        return {*states}

    async def _put(
        self,
        owner: Owner,
        changes: Sequence[Replacement[Number]],
        vectors: Mapping[str, MemoryVector | None] | None = None,
    ) -> set[str]:
        """Write states and the next head in one request; both again where somebody else's head is there.

        The states have the position of their head then. What others have written meanwhile in the place of such a state
        stays: it stands behind another position.
        """
        held = self._heads.get(owner) or await self._headed(owner)
        left = {change.memory_id: (change.held.token, change.after) for change in changes if change.after is not None}
        if vectors is None:
            vectors = await self._vectors_of([state for _, state in left.values()])
        refused: set[str] | None = None
        for _ in range(_MOST_TRIES):
            head = held.head.after([(memory_id, number.sequence) for memory_id, (number, _) in left.items()])
            made = partial(_document, position=head.position, vectors=vectors)
            documents = await in_turns(made, [state for _, state in left.values()])
            writes = [
                Write(state_id(owner, memory_id), number, document)
                for (memory_id, (number, _)), document in zip(left.items(), documents, strict=True)
            ]
            *numbers, at_head = await self.index.put([*writes, _heading(owner, head, held.number)], route_of(owner))
            written = dict(zip(left, numbers, strict=True))
            if refused is None:
                refused = {memory_id for memory_id, number in written.items() if number is None}
            if at_head is not None:
                self._keep(owner, HeldHead(head, at_head))
                read = [one for one, (number, _) in left.items() if number.exists]
                await self._forget_removed(owner, [one for one in read if written[one] is None])
                return refused
            held = await self._headed(owner)
            left = {
                memory_id: (number, left[memory_id][1]) for memory_id, number in written.items() if number is not None
            }
            if not left:
                return refused
        raise Unavailable("others keep writing memories of this owner", ambiguous=True)

    async def _vectors_of(self, states: Sequence[Snapshot]) -> dict[str, MemoryVector | None]:
        living = {state.id: state.content for state in states if state.content is not None}
        return dict(zip(living, await self.vectors.of_texts([*living.values()]), strict=True))

    def _embedded(self, found: FoundDocument | None) -> EmbeddedState | None:
        return None if found is None else EmbeddedState(decode(found.text), self.vectors.in_source(found.source))

    async def _forget_removed(self, owner: Owner, refused: Sequence[str]) -> None:
        """Have the head not wait for memories that it names, and that were removed before they could be written."""
        if refused:
            held = await self.read(owner, refused)
            absent = [memory_id for memory_id, one in held.items() if one.state is None]
            while absent and (head := await self.head(owner)) is not None:
                if await self.put_head(owner, head, head.head.without(absent)):
                    return

    async def _headed(self, owner: Owner) -> HeldHead:
        """Return what heads an owner, who gets something to begin with.

        It is there before any state: an owner of nothing does no harm in a list of owners, and one who is missing does.
        """
        held = await self.head(owner)
        if held is None:
            await self.index.put([_heading(owner, OwnerHead.first(), ABSENT)], route_of(owner))
            held = await self.head(owner)
        if held is None:
            raise Unavailable("what heads an owner was lost while it was read", ambiguous=True)
        return held

    def _keep(self, owner: Owner, held: HeldHead) -> HeldHead:
        self._heads[owner] = held
        self._heads.move_to_end(owner)
        if len(self._heads) > _MOST_HEADS:
            self._heads.popitem(last=False)
        return held


def _heading(owner: Owner, head: OwnerHead, instead_of: Number) -> Write:
    document = {"owner": owner.key, "head": True, "state": encode_head(head).decode()}
    return Write(head_id(owner), instead_of, document)


def _document(state: Snapshot, position: int, vectors: Mapping[str, MemoryVector | None]) -> dict[str, Any]:
    return document_of(state, position, vectors.get(state.id))


def _text_in(held: HeldState[Number]) -> str:
    return "" if held.state is None else held.state.content or ""


def _held(found: FoundDocument | None) -> HeldState[Number]:
    state: Snapshot | None = None if found is None else decode(found.text)
    return HeldState(state, ABSENT if found is None else found.number)
