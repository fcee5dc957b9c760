"""The recall index: never stale whatever the order in which looks come back, and within its bytes."""

import asyncio
import random
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from uuid import UUID

import pytest
from msgspec.structs import replace

from providers.changes import ChangeCursor, Changes
from providers.errors import Unavailable
from providers.owners import Owner
from providers.search.entries import Entry
from providers.search.packed_memories import PackedMemories
from providers.search.recall_index.index import ASK_AGAIN_SECONDS, RecallIndex
from providers.search.user_index import UserIndex
from providers.types import MemoryRecord
from tests.support.packed import packed

ANNA, BEN = Owner("anna"), Owner("ben")
MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
ROOM = 100_000_000


async def at_once() -> None:
    """Let nothing happen."""


class Log:
    """A store that tells what changed, by a number that each write takes; `before` and `after` delay its answers."""

    def __init__(self) -> None:
        self.epoch = "first"
        self.asked: list[ChangeCursor | None] = []
        self.before: Callable[[], Awaitable[None]] = at_once
        self.after: Callable[[], Awaitable[None]] = at_once
        self.known = True
        self._number = 0
        self._states: dict[Owner, dict[str, tuple[int, Entry | None]]] = {}

    def put(self, owner: Owner, number: int, content: str) -> None:
        """Store a memory, or another version of it."""
        self._number += 1
        memory_id = str(UUID(int=number))
        entry = Entry(id=memory_id, version=self._number, created_at=MOMENT, content=content)
        self._states.setdefault(owner, {})[memory_id] = self._number, entry

    def delete(self, owner: Owner, number: int) -> None:
        """Delete a memory."""
        self._number += 1
        self._states.setdefault(owner, {})[str(UUID(int=number))] = self._number, None

    def put_back(self) -> None:
        """Lose everything, as a store does that is restored from an empty backup."""
        self._states.clear()
        self._number = 0
        self.epoch += "'"

    def versions(self, owner: Owner) -> dict[str, int]:
        """Return the versions of the live memories."""
        states = self._states.get(owner, {})
        return {memory_id: entry.version for memory_id, (_, entry) in states.items() if entry is not None}

    async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
        """See `Replica`."""
        self.asked.append(cursor)
        await self.before()
        changes = self._changes(owner, cursor)
        await self.after()
        return changes

    def _changes(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
        if not self.known:
            return None
        whole = cursor is None or cursor.epoch != self.epoch
        since = -1 if cursor is None or whole else cursor.position
        changed = {one: entry for one, (at, entry) in self._states.get(owner, {}).items() if at >= since}
        return Changes(
            cursor=ChangeCursor(self.epoch, self._number),
            order=(self._number,),
            memories=[entry for entry in changed.values() if entry is not None],
            gone=[] if whole else [memory_id for memory_id, entry in changed.items() if entry is None],
            whole=whole,
        )


async def versions_in(index: RecallIndex, owner: Owner = ANNA) -> dict[str, int]:
    """The versions of the memories that a recall ranks now."""
    current = await index.current(owner)
    assert current is not None
    return held_by(current)


def held_by(index: UserIndex) -> dict[str, int]:
    """The versions of the live memories of an index."""
    columns = index.columns
    return {columns.id_of(row): int(columns.version[row]) for row in range(len(columns)) if columns.alive[row]}


async def test_a_recall_sees_what_was_written_before() -> None:
    """New memories, edits and deletions; and only what changed is told."""
    log = Log()
    index = RecallIndex(log, ROOM)
    log.put(ANNA, 1, "tea")
    log.put(ANNA, 2, "milk")

    assert await versions_in(index) == log.versions(ANNA)
    log.put(ANNA, 1, "coffee")
    log.delete(ANNA, 2)
    log.put(BEN, 3, "rain")
    assert await versions_in(index) == log.versions(ANNA)
    assert await versions_in(index, BEN) == log.versions(BEN)
    assert log.asked == [None, ChangeCursor("first", 2), None]
    assert (index.counts.events["miss"], index.counts.events["hit"]) == (2, 1)


async def test_what_changes_between_pages_is_in_no_recall() -> None:
    """The pages of very many memories are of different moments, so that only one more look makes them one."""

    class InPages(Log):
        async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
            changes = await super().changes_since(owner, cursor)
            assert changes is not None
            return replace(changes, packed=packed(()), memories=(), pages=pages()) if changes.whole else changes

    async def pages() -> AsyncGenerator[PackedMemories, None]:
        for number in range(1, 5):
            yield packed([Entry(id=str(UUID(int=number)), version=number, created_at=MOMENT, content="tea")])
            if number == 2:
                log.delete(ANNA, 1)
                log.put(ANNA, 4, "milk")
                log.put(ANNA, 5, "rain")

    log = InPages()
    index = RecallIndex(log, ROOM)
    for number in range(1, 5):
        log.put(ANNA, number, "tea")

    assert await versions_in(index) == log.versions(ANNA)
    assert log.asked == [None, ChangeCursor("first", 4)]


async def test_another_epoch_drops_what_is_held() -> None:
    """What a store has lost is in no answer, although its positions are small again."""
    log = Log()
    index = RecallIndex(log, ROOM)
    log.put(ANNA, 1, "tea")
    await versions_in(index)

    log.put_back()
    log.put(ANNA, 2, "milk")
    assert await versions_in(index) == log.versions(ANNA)
    assert index.counts.events["dropped"] == 1


async def test_a_store_that_cannot_tell_is_asked_again_later() -> None:
    """Nothing is kept of its owner meanwhile, and a large one is not read for nothing at each recall."""
    log, clock = Log(), [0.0]
    index = RecallIndex(log, ROOM, lambda: clock[0])
    log.put(ANNA, 1, "tea")
    await versions_in(index)

    log.known = False
    assert await index.current(ANNA) is None
    assert index.counts.bytes == 0
    log.known = True
    clock[0] = ASK_AGAIN_SECONDS - 1
    assert await index.current(ANNA) is None
    clock[0] = ASK_AGAIN_SECONDS
    assert await versions_in(index) == log.versions(ANNA)
    assert index.counts.events["unknown"] == 2


async def test_a_recall_need_not_wait_for_loading() -> None:
    """It goes on without the index, which is there for a later one."""
    log = Log()
    index = RecallIndex(log, ROOM)
    log.put(ANNA, 1, "tea")
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    log.after = wait
    assert await index.current(ANNA, 0.001) is None
    gate.set()
    assert await versions_in(index) == log.versions(ANNA)
    assert (log.asked.count(None), index.counts.events["loading"]) == (1, 1)

    log.put(BEN, 2, "milk")
    gate.clear()
    assert await index.current(BEN, 0.001) is None
    await index.close()


async def test_a_store_that_fails_serves_nothing_from_memory() -> None:
    """Unknown is not unchanged."""
    log = Log()
    index = RecallIndex(log, ROOM)
    await versions_in(index)

    async def fail() -> None:
        raise Unavailable("down")

    log.before = fail
    with pytest.raises(Unavailable):
        await index.current(ANNA)


async def test_a_cold_index_is_loaded_once() -> None:
    """Whoever comes meanwhile waits for it, and then looks for what was written since."""
    log = Log()
    index = RecallIndex(log, ROOM)
    log.put(ANNA, 1, "tea")
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    log.after = wait
    recalls = [asyncio.ensure_future(versions_in(index)) for _ in range(3)]
    await asyncio.sleep(0)
    log.put(ANNA, 2, "milk")
    late = asyncio.ensure_future(versions_in(index))
    await asyncio.sleep(0)
    gate.set()

    assert await late == log.versions(ANNA)
    await asyncio.gather(*recalls)
    assert log.asked.count(None) == 1


async def test_a_look_that_was_overtaken_brings_nothing_back() -> None:
    """What it saw before a deletion is not put over what a later look has seen."""
    log = Log()
    index = RecallIndex(log, ROOM)
    log.put(ANNA, 1, "tea")
    log.put(ANNA, 2, "milk")
    await versions_in(index)
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    log.put(ANNA, 1, "green tea")
    log.after = wait
    overtaken = asyncio.ensure_future(versions_in(index))
    await asyncio.sleep(0)
    log.after = at_once
    log.delete(ANNA, 1)
    assert await versions_in(index) == log.versions(ANNA)
    gate.set()

    assert await overtaken == log.versions(ANNA)


async def test_who_gives_up_loading_leaves_it_to_the_next() -> None:
    """And a failure is that of all who waited, because the store does not answer."""
    log = Log()
    index = RecallIndex(log, ROOM)
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    log.before = wait
    first, second, third = (asyncio.ensure_future(versions_in(index)) for _ in range(3))
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert await second == await third == {}

    index, log.before = RecallIndex(log, ROOM), _fail_later
    answers = await asyncio.gather(*(index.current(ANNA) for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 3
    log.before = at_once
    assert await versions_in(index) == {}


async def _fail_later() -> None:
    await asyncio.sleep(0)
    raise Unavailable("down")


async def with_room_for(count: int, log: Log, owners: Sequence[Owner]) -> tuple[RecallIndex, int]:
    """An index with room for so many of these owners, each with one memory, and the bytes of each."""
    for number, owner in enumerate(owners):
        log.put(owner, number, "tea")
    index = RecallIndex(log, ROOM)
    await versions_in(index, owners[0])
    one = index.counts.bytes
    return RecallIndex(log, count * one), one


async def test_the_longest_unused_are_dropped_first() -> None:
    """So that all of them together are within the bytes; the one that is asked for comes last."""
    log = Log()
    owners = [Owner(f"user{number}") for number in range(4)]
    index, one = await with_room_for(3, log, owners)
    for owner in [*owners[:3], owners[0], owners[3], owners[3]]:
        await versions_in(index, owner)

    assert (index.counts.bytes, index.counts.owners, index.counts.events["evicted"]) == (3 * one, 3, 1)
    log.asked.clear()
    await versions_in(index, owners[0])
    await versions_in(index, owners[1])
    assert [cursor is None for cursor in log.asked] == [False, True]


async def test_owners_who_ask_in_turns_do_not_drive_each_other_out() -> None:
    """With room for three of five, those three are loaded once; the answers of the others are right as well."""
    log = Log()
    owners = [Owner(f"user{number}") for number in range(5)]
    index, one = await with_room_for(3, log, owners)
    for owner in owners * 10:
        assert await versions_in(index, owner) == log.versions(owner)

    assert (index.counts.bytes, index.counts.owners, index.counts.events["evicted"]) == (3 * one, 3, 0)
    assert index.counts.events["hit"] == 3 * 9
    assert index.counts.events["passed"] == 2 * 10


async def test_one_that_is_asked_for_more_often_takes_the_place_of_another() -> None:
    """As often is not enough; and one index in the place of two has to be asked for more often than both together."""
    log = Log()
    owners = [Owner(f"user{number}") for number in range(3)]
    index, one = await with_room_for(2, log, owners)
    for owner in [*owners[:2] * 3, *[owners[2]] * 3]:
        await versions_in(index, owner)
    assert (index.counts.events["passed"], index.counts.events["evicted"]) == (3, 0)
    await versions_in(index, owners[2])
    assert (index.counts.events["passed"], index.counts.events["evicted"]) == (3, 1)

    large, alone = Owner("large"), RecallIndex(log, ROOM)
    for number in range(40):
        log.put(large, number, "tea")
    await versions_in(alone, large)
    index = RecallIndex(log, alone.counts.bytes + one - 1)
    for owner in [owners[0], owners[1], large, large]:
        await versions_in(index, owner)
    assert (index.counts.events["passed"], index.counts.events["evicted"]) == (2, 0)
    await versions_in(index, large)
    assert (index.counts.events["passed"], index.counts.events["evicted"]) == (2, 2)


async def test_an_index_beyond_the_bytes_serves_one_recall() -> None:
    """It is right, not kept, and not built again for every recall."""
    log, clock = Log(), [0.0]
    log.put(ANNA, 1, "tea")
    index = RecallIndex(log, 1, lambda: clock[0])

    assert await versions_in(index) == log.versions(ANNA)
    assert index.counts.bytes == 0
    clock[0] = ASK_AGAIN_SECONDS - 1
    assert await index.current(ANNA) is None
    clock[0] = ASK_AGAIN_SECONDS
    assert await versions_in(index) == log.versions(ANNA)


async def test_what_takes_long_is_done_in_a_thread_over_an_index_that_stays() -> None:
    """What changes meanwhile is in the next answer, and the event loop goes on."""
    log = Log()
    for number in range(3):
        log.put(ANNA, number, "tea")
    index = RecallIndex(log, ROOM, most_on_loop=2)
    began, go_on = threading.Event(), threading.Event()

    async def counted(current: UserIndex) -> int:
        return len(current)

    def look(current: UserIndex, prepared: int) -> tuple[int, int]:
        assert prepared == len(current)
        before = len(current)
        began.set()
        assert go_on.wait(30)
        return before, len(current)

    first = asyncio.ensure_future(index.read(ANNA, None, look, counted))
    assert await asyncio.to_thread(began.wait, 30)
    log.put(ANNA, 3, "milk")
    second = asyncio.ensure_future(index.read(ANNA, None, lambda current, _counted: len(current), counted))
    for _ in range(5):
        await asyncio.sleep(0)
    go_on.set()

    assert await first == (3, 3)
    assert await second == 4


class Stage:
    """Recalls that look at any time, beside a store that changes; each is judged by what was there before and after."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - the same again for the same seed
        self.log = Log()
        moments = count(0, 2 * int(ASK_AGAIN_SECONDS))  # so that one without room is built for every recall
        self.index = RecallIndex(self.log, self.chance.choice([ROOM, 1]), lambda: float(next(moments)))
        self.log.before = self.log.after = self._some_turns
        self.faults: list[tuple[set[str], set[str]]] = []
        self._numbers = count()

    async def recall(self) -> None:
        """Note what a recall misses that was there before and after it, and what it has that was at neither time."""
        epoch, before = self.log.epoch, self.log.versions(ANNA)
        began = next(self._numbers)
        seen = await versions_in(self.index)
        after = self.log.versions(ANNA)
        missing = {one for one, version in before.items() if one in after and seen.get(one, 0) < version}
        undead = {one for one in seen if one not in before and one not in after and UUID(one).int < began}
        if self.log.epoch == epoch and (missing or undead):
            self.faults.append((missing, undead))

    def write(self) -> None:
        """Add, edit or delete a memory, or lose all of them; no id is used twice."""
        live = [UUID(one).int for one in self.log.versions(ANNA)]
        step = self.chance.random()
        if step < 0.5 or not live:
            self.log.put(ANNA, next(self._numbers), "tea")
        elif step < 0.75:
            self.log.put(ANNA, self.chance.choice(live), "coffee")
        elif step < 0.97:
            self.log.delete(ANNA, self.chance.choice(live))
        else:
            self.log.put_back()

    async def _some_turns(self) -> None:
        for _ in range(self.chance.randrange(4)):
            await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(20))
async def test_no_recall_is_stale_whatever_overtakes_what(seed: int) -> None:
    """Looks that come back in any order, writes in between, losses and evictions: each recall has what preceded it.

    It may have what came later as well.
    """
    stage = Stage(seed)
    recalls: list[asyncio.Task[None]] = []
    for _ in range(150):
        if stage.chance.random() < 0.5:
            recalls.append(asyncio.create_task(stage.recall()))
        else:
            stage.write()
        if stage.chance.random() < 0.7:
            await asyncio.sleep(0)
    await asyncio.gather(*recalls)

    assert stage.faults == []
    stage.log.before = stage.log.after = at_once
    assert await versions_in(stage.index) == stage.log.versions(ANNA)


async def test_kept_records_go_before_any_index() -> None:
    """What is kept beside indexes takes the room that these leave, and is forgotten with the rows' numbers."""
    log = Log()
    for owner in (ANNA, BEN):
        log.put(owner, 1, "tea")
    room = RecallIndex(log, ROOM)
    for owner in (ANNA, BEN):
        await versions_in(room, owner)
    index = RecallIndex(log, room.counts.bytes + 500)
    current = await index.current(ANNA)
    assert current is not None
    record = MemoryRecord(
        id=str(UUID(int=1)), user_id="anna", content="tea", metadata=None, created_at=MOMENT, updated_at=None
    )
    current.spare.records.put(0, {0: record})

    assert current.spare.records.get(0, 0) == record
    assert (current.spare.records.get(0, 1), current.spare.records.get(1, 0)) == (None, None)
    await versions_in(index, BEN)
    await versions_in(index, ANNA)
    assert current.spare.records.nbytes == 0
    assert (index.counts.events["evicted"], index.counts.owners) == (0, 2)
    assert index.counts.bytes == room.counts.bytes
    current.spare.records.put(1, {0: record})
    assert current.spare.records.get(0, 0) is None
