"""Keys in a chain: one memory is shown for each, also where a write could not look for what its key names."""

import asyncio

import pytest
from msgspec.structs import replace

from providers.answers import Changed, Found, Stored
from providers.base import MemoryProvider
from providers.chain.observer import JournalCall, Unobserved
from providers.errors import KeyNotFound, MemoryDeleted, MemoryNotFound, Unavailable, VersionMismatch
from providers.keys.batching import put_many
from providers.keys.choosing import TOLERATED_MS
from providers.keys.looking import fetch
from providers.keys.renaming import rename, rename_all
from providers.keys.writing import Kept, Put, delete, put
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.states.clock import COUNTER_BITS
from providers.types import Conditions, Deletion, Edit, NewMemory, PageQuery, Snapshot
from tests.providers.chain.scene import DOWN, USER, Scene, failure_of, play
from tests.support.chain_rig import ChainRig
from tests.support.clock import hybrid_clock

OWNER = Owner(USER)
KEY = "plans/tea"


async def put_as(
    scene: Scene, content: str, provider: MemoryProvider | None = None, session: str | None = None
) -> Kept:
    """Put a memory under the key."""
    wanted = Put(memory=NewMemory(owner=OWNER, content=content, key=KEY, session=session))
    return await put(provider or scene.chain, wanted, scene.versions.milliseconds)


async def shown(scene: Scene) -> list[str]:
    """The contents of a list and of a recall, which are the same."""
    listed = [memory.content for memory in (await scene.chain.page(PageQuery(owner=OWNER))).memories]
    assert sorted(memory.content for memory in await scene.chain.recall(USER, "tea")) == sorted(listed)
    return listed


def lose_stores(scene: Scene, *calls: str) -> None:
    """Let no store answer, or none of some calls."""
    for provider in scene.providers.values():
        provider.failures |= dict.fromkeys(calls or ("*",), DOWN)


def find_stores(scene: Scene) -> None:
    """Let all stores answer again."""
    for provider in scene.providers.values():
        provider.failures.clear()


async def deliver(scene: Scene) -> None:
    """Deliver everything, also what is leased or waits for another try."""
    scene.clock.pass_by(60.0)
    await scene.deliver()


async def unlooked(scene: Scene, session: str | None = None) -> tuple[Kept, Kept]:
    """Put one memory, let the journal forget it, and put another while no store can be asked."""
    old = await put_as(scene, "old tea")
    await scene.forget()
    lose_stores(scene)
    return old, await put_as(scene, "new tea", session=session)


def test_who_cannot_look_puts_another_memory() -> None:
    """It is accepted, found at once, and hides the other one, which then is deleted everywhere."""

    async def act(scene: Scene) -> None:
        old, new = await unlooked(scene)
        while_down = (await fetch(scene.chain, OWNER, KEY)).memory
        again = await put_as(scene, "newer tea")
        find_stores(scene)
        at_once, hidden = await shown(scene), await failure_of(scene.chain.get(USER, old.id))
        await deliver(scene)

        assert (new.created, new.written.confirmed, again.created) == (True, False, False)
        assert (while_down.id, while_down.content) == (new.id, "new tea")
        assert new.id == again.id != old.id
        assert at_once == ["newer tea"]
        assert isinstance(hidden, MemoryNotFound)
        assert [await scene.kept(name) for name in scene.providers] == 2 * [["newer tea"]]

    play(act)


@pytest.mark.parametrize("batch", [False, True])
def test_of_two_who_cannot_look_the_later_wins(batch: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Although the clock of the first is half a minute ahead: the second puts after all that the journal knows."""

    async def act(scene: Scene) -> None:
        lose_stores(scene)
        fast = hybrid_clock(lambda: scene.clock() + 1.5 * TOLERATED_MS / 1000)
        other = ChainRig(scene.journal, scene.clock, fast).chained(scene.chained.route)
        await put(other, Put(memory=NewMemory(owner=OWNER, content="old tea", key=KEY)), fast.milliseconds)
        find_stores(scene)
        await deliver(scene)  # for which a minute passes
        lose_stores(scene, "page")
        if batch:
            wanted = [NewMemory(owner=OWNER, content=text, key=key) for text, key in (("milk", "m"), ("new tea", KEY))]
            await put_many(scene.chain, [Put(memory=one) for one in wanted], scene.versions.milliseconds)
        else:
            await put_as(scene, "new tea")
        find_stores(scene)

        assert (await fetch(scene.chain, OWNER, KEY)).memory.content == "new tea"

    play(act)


def test_a_clock_that_was_ahead_does_not_win() -> None:
    """What was put before was put before, whatever its version, as long as clocks differ by less than a minute."""

    async def act(scene: Scene) -> None:
        ahead = scene.versions.milliseconds() + TOLERATED_MS - 1 << COUNTER_BITS
        await scene.chain.store(NewMemory(owner=OWNER, content="old tea", key=KEY, first_version=ahead))
        await scene.forget()
        lose_stores(scene)
        await put_as(scene, "new tea")
        find_stores(scene)

        assert (await fetch(scene.chain, OWNER, KEY)).memory.content == "new tea"
        assert await shown(scene) == ["new tea"]

    play(act)


def test_what_cannot_be_known_is_not_absent() -> None:
    """Nothing is told or deleted by a key that nobody can look for."""

    async def act(scene: Scene) -> None:
        await put_as(scene, "tea")
        await scene.forget()
        lose_stores(scene)

        for asked in (fetch(scene.chain, OWNER, KEY), delete(scene.chain, OWNER, KEY)):
            assert isinstance(await failure_of(asked), Unavailable)
        expected = Put(memory=NewMemory(owner=OWNER, content="x", key=KEY), expected="*")
        assert isinstance(await failure_of(put(scene.chain, expected)), Unavailable)
        find_stores(scene)
        assert await shown(scene) == ["tea"]

    play(act)


class DeletedMeanwhile(MockMemoryProvider):
    """A store in which somebody deletes the first memory before its writer hears of it."""

    met = False

    async def store(self, memory: NewMemory) -> Stored:
        """Store a memory; the first one is gone by the time of the answer."""
        stored = await super().store(memory)
        if not self.met:
            self.met = True
            await self.erase(Deletion(owner=memory.owner, memory_id=stored.id))
            raise MemoryDeleted(stored.id)
        return stored


async def test_what_is_deleted_while_it_is_put_is_put_again() -> None:
    """The put comes after the deletion then; a retry, whose memory was deleted since, is told so."""
    wanted = Put(memory=NewMemory(owner=OWNER, content="tea", key=KEY))
    store = DeletedMeanwhile()
    kept = await put(store, wanted)
    retry = replace(wanted, memory=replace(wanted.memory, memory_id="0190b5a6-7a4b-7c1e-8f00-000000000001"))

    assert kept.created
    assert [memory.id for memory in await store.list_memories(USER)] == [kept.id]
    with pytest.raises(MemoryDeleted):
        await put(DeletedMeanwhile(), retry)


def test_without_the_journal_no_key_is_written_by() -> None:
    """What stands there may be known to the journal alone, and would stay what the key names."""

    async def act(scene: Scene) -> None:
        await put_as(scene, "old tea")
        await scene.forget()
        lose_stores(scene)
        await put_as(scene, "new tea")
        find_stores(scene)
        scene.lose_journal()
        told = await fetch(scene.chain, OWNER, KEY)
        put_anew = await failure_of(put_as(scene, "newest tea"))
        deleted = await failure_of(delete(scene.chain, OWNER, KEY))
        scene.find_journal()

        assert (told.memory.content, told.eventual) == ("old tea", True)
        assert isinstance(put_anew, Unavailable)
        assert isinstance(deleted, Unavailable)
        assert await shown(scene) == ["new tea"]

    play(act)


def test_where_nobody_is_complete_the_journal_tells_what_a_key_names() -> None:
    """So that the second of two writers, whose clock may be behind, writes over what the first has put."""

    async def act(scene: Scene) -> None:
        nobody = replace(scene.chained.route, in_sync=frozenset())
        scene.chained.route = nobody
        first = await put_as(scene, "first tea")
        second = await put_as(scene, "second tea")
        told = await fetch(scene.chain, OWNER, KEY)

        assert (first.created, second.created, second.id) == (True, False, first.id)
        assert told.memory.content == "second tea"

    play(act)


@pytest.mark.parametrize("way", ["id", "key", "conditions"])
def test_what_a_deleted_memory_has_hidden_does_not_come_back(way: str) -> None:
    """Whichever way it is deleted; where nobody can tell what is hidden, it is not deleted."""

    async def act(scene: Scene) -> None:
        _, new = await unlooked(scene, session="new")
        if way == "id":
            assert isinstance(await failure_of(scene.chain.delete(USER, new.id)), Unavailable)
        find_stores(scene)
        if way == "id":
            await scene.chain.delete(USER, new.id)
        elif way == "key":
            await delete(scene.chain, OWNER, KEY)
        else:
            assert (await scene.chain.erase_all(OWNER, conditions=Conditions(session="new"))).count == 1
        at_once = await shown(scene)
        await deliver(scene)

        assert at_once == []
        assert [await scene.kept(name) for name in scene.providers] == 2 * [[]]
        assert isinstance(await failure_of(fetch(scene.chain, OWNER, KEY)), KeyNotFound)

    play(act)


def test_a_store_that_takes_and_cannot_be_asked_is_asked_later() -> None:
    """The delivery is not done before what the memory supersedes is deleted."""

    async def act(scene: Scene) -> None:
        await put_as(scene, "old tea")
        await scene.forget()
        lose_stores(scene, "page")
        await put_as(scene, "new tea")
        await asyncio.sleep(0.1)
        pending = await scene.journal.pending(10, provider="home")
        find_stores(scene)
        at_once = await shown(scene)
        await scene.deliver()

        assert len(pending) == 1
        assert at_once == ["new tea"]
        assert [await scene.kept(name) for name in scene.providers] == 2 * [["new tea"]]

    play(act)


@pytest.mark.parametrize("way", ["deleted", "renamed", "deleted before a rename"])
def test_what_a_store_has_yet_to_be_told_supersedes_nothing(way: str) -> None:
    """A store that still has the key's former memory takes the present one: neither of them is lost for that."""

    async def act(scene: Scene) -> None:
        if way == "deleted before a rename":
            await scene.chain.store(NewMemory(owner=OWNER, content="new tea", key="other"))
        ahead = scene.versions.milliseconds() + 26_000 << COUNTER_BITS
        first = None if way == "renamed" else ahead
        await scene.chain.store(NewMemory(owner=OWNER, content="old tea", key=KEY, first_version=first))
        await scene.deliver()
        if way == "renamed":
            await rename(scene.chain, OWNER, KEY, "other", lambda edit: edit)
        else:
            await delete(scene.chain, OWNER, KEY)
        late = await scene.journal.lease("standby", 1, 30.0)
        if way == "deleted before a rename":
            await rename(scene.chain, OWNER, "other", KEY, lambda edit: edit)
        else:
            await put_as(scene, "new tea")
        await scene.deliver()
        meanwhile = (await fetch(scene.chain, OWNER, KEY)).memory.content
        await deliver(scene)

        assert len(late) == 1
        assert meanwhile == "new tea"
        left = ["new tea", "old tea"] if way == "renamed" else ["new tea"]
        assert [sorted(await scene.kept(name)) for name in scene.providers] == 2 * [left]
        assert (await fetch(scene.chain, OWNER, KEY)).memory.content == "new tea"

    play(act)


@pytest.mark.parametrize("way", ["get", "delete by id"])
def test_a_look_that_met_a_deletion_halfway_loses_nothing(way: str) -> None:
    """The memory that it has seen is deleted, and one of a slower clock is put, before it goes on."""

    async def act(scene: Scene) -> None:
        ahead = scene.versions.milliseconds() + 26_000 << COUNTER_BITS
        old = await scene.chain.store(NewMemory(owner=OWNER, content="old tea", key=KEY, first_version=ahead))
        await scene.deliver()
        await scene.journal.prune(0.0)
        home, met = scene.home, list[str]()

        async def replace_once() -> None:
            if not met:
                met.append(old.id)
                home.failures["put_many"] = DOWN
                await delete(scene.chain, OWNER, KEY)
                await put_as(scene, "new tea")

        async def page(provider: MockMemoryProvider, query: PageQuery) -> Found:
            await replace_once()
            return await MockMemoryProvider.page(provider, query)

        async def snapshot(provider: MockMemoryProvider, owner: Owner, memory_id: str) -> Snapshot | None:
            found = await MockMemoryProvider.snapshot(provider, owner, memory_id)
            await replace_once()
            return found

        if way == "get":
            home.instead["page"] = page
            await fetch(scene.chain, OWNER, KEY)
        else:
            home.instead["snapshot"] = snapshot
            await scene.chain.delete(USER, old.id)
        home.failures.clear()
        await deliver(scene)

        assert met == [old.id]
        assert (await fetch(scene.chain, OWNER, KEY)).memory.content == "new tea"

    play(act)


def test_two_replicas_that_put_at_once_leave_one() -> None:
    """Each has looked before the other one has stored."""

    async def act(scene: Scene) -> None:
        other = scene.rig.chained(scene.chained.route)
        scene.home.seconds = 0.05

        kept = await asyncio.gather(*(put_as(scene, f"tea {n}", (scene.chain, other)[n % 2]) for n in range(4)))
        current = (await fetch(scene.chain, OWNER, KEY)).memory
        await scene.deliver()

        assert len({one.id for one in kept}) > 1
        assert [await scene.kept(name) for name in scene.providers] == 2 * [[current.content]]
        await other.tries.stop()

    play(act)


def test_a_put_that_meets_a_tombstone_mints_a_new_id() -> None:
    """The memory is deleted between the look and the change."""

    async def act(scene: Scene) -> None:
        first = await put_as(scene, "tea")
        query = PageQuery(owner=OWNER, key=KEY)
        stale = await scene.chain.page(query)
        await scene.chain.delete(USER, first.id)
        answers = [stale]

        class Late(type(scene.chain)):  # type: ignore[misc] # whichever it is
            """A chain whose first look was made before the deletion."""

            async def page(self, query: PageQuery) -> object:
                """Return what was there, once."""
                return answers.pop() if answers else await super().page(query)

        kept = await put_as(scene, "milk", Late(scene.chained))

        assert kept.created
        assert kept.id != first.id
        assert await scene.kept("home") == ["milk"]

    play(act)


def test_a_beginning_is_renamed_in_one_transaction() -> None:
    """There is one call to the journal for all of it."""

    class Counting(Unobserved):
        """Counts what is appended."""

        appends = 0

        def asked_journal(self, call: JournalCall, outcome: str, seconds: float) -> None:  # noqa: ARG002 - for others
            """Count."""
            self.appends += call is JournalCall.APPEND

    async def act(scene: Scene) -> None:
        for number in range(20):
            await scene.chain.store(NewMemory(owner=OWNER, content="tea", key=f"a/{number:02}"))
        counting = Counting()
        scene.watch(counting)

        renamed = await rename_all(scene.chain, OWNER, "a/", "b/", lambda edit: edit)
        await scene.deliver()

        assert (len(renamed), counting.appends) == (20, 1)
        for provider in scene.providers.values():
            keys = {memory.key for memory in (await provider.page(PageQuery(owner=OWNER))).memories}
            assert keys == {f"b/{number:02}" for number in range(20)}

    play(act)


def test_changes_of_a_batch_are_as_good_as_alone() -> None:
    """One whose memory is changed meanwhile starts again from that; one of a memory that is gone is told so."""

    async def act(scene: Scene) -> None:
        first, second, third = [await scene.chain.remember(USER, text) for text in ("tea", "milk", "rice")]
        await scene.chain.delete(USER, third)
        edits = [Edit(owner=OWNER, memory_id=one, content="green tea") for one in (first, second, third)]
        meanwhile = scene.chain.update(USER, second, metadata={"hot": True})

        (one, two, none), _ = await asyncio.gather(scene.chain.change_many(edits), meanwhile)

        assert isinstance(one, Changed)
        assert isinstance(two, Changed)
        assert isinstance(none, MemoryNotFound)
        got = await scene.chain.get(USER, second)
        assert (got.content, got.metadata) == ("green tea", {"hot": True})

    play(act)


def test_a_write_of_one_version_alone_meets_a_newer_one() -> None:
    """Also where that is in the journal alone, and where nobody can tell, nothing is done."""

    async def act(scene: Scene) -> None:
        stored = await scene.chain.store(NewMemory(owner=OWNER, content="tea"))
        seen = Deletion(owner=OWNER, memory_id=stored.id, seen=stored.version)
        scene.home.down = True
        newer = await scene.chain.update(USER, stored.id, content="milk")
        late = Edit(owner=OWNER, memory_id=stored.id, content="x", seen=stored.version)

        assert isinstance(await failure_of(scene.chain.change(late)), VersionMismatch)
        assert (await scene.chain.erase(seen)).count == 0
        scene.home.down = False
        await scene.forget()
        lose_stores(scene)
        assert isinstance(await failure_of(scene.chain.erase(replace(seen, seen=newer.version))), Unavailable)
        find_stores(scene)
        assert (await scene.chain.erase(replace(seen, seen=newer.version))).count == 1

    play(act)
