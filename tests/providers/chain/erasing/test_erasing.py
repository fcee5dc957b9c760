"""An erased user is gone from every store and the journal, whatever is down meanwhile, and the receipt says so."""

import asyncio

import pytest
from msgspec.structs import replace

from providers.answers import NO_VECTOR
from providers.chain.comparing.store import ComparedStore
from providers.erasure.fences import FenceList
from providers.errors import InvalidInput, MemoryNotFound, Unsupported
from providers.journal.operations import Dead
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.types import Deletion, Edit, NewMemory, PageQuery, RecallQuery
from tests.providers.chain.erasing.rig import SETTLE_SECONDS, Counts, eraser, keep_no_list, step, told
from tests.providers.chain.scene import DOWN, USER, Scene, key, play

OWNER, OTHER = Owner(USER), Owner("somebody else")


async def left_in(scene: Scene, name: str, owner: Owner = OWNER) -> int:
    """Return how many states of an owner a store holds."""
    return len(await MockMemoryProvider.snapshots(scene.providers[name], owner))


async def in_journal(scene: Scene) -> list[str]:
    """Return the owners of whom the journal knows an operation or a delivery."""
    sql = "SELECT user_id FROM operations UNION ALL SELECT user_id FROM deliveries UNION ALL SELECT owner FROM erasures"
    return [row[0] for row in await scene.journal.read(lambda connection: connection.rows(sql)) if row[0]]


def test_nothing_is_left_and_the_receipt_says_what_was_asked() -> None:
    """Memories, tombstones, what only the journal holds; other users keep what they have."""

    async def act(scene: Scene) -> None:
        counts = Counts()
        one = eraser(scene, counts)
        await scene.remember("tea with cardamom", "coffee with chicory")
        await scene.deliver()
        [gone, _] = (await scene.chain.page(PageQuery(owner=OWNER))).memories
        await scene.chain.delete(USER, gone.id)
        await scene.chain.store(NewMemory(owner=OTHER, content="their tea"))

        erasure = await one.request(OWNER)
        assert erasure.finished_at is None
        await step(one)
        receipt = await told(scene, erasure)
        assert receipt.finished_at is not None
        assert {store.provider for store in receipt.stores} == {"home", "standby"}
        for store in receipt.stores:
            assert (store.ids, store.listed, store.questions, store.unconfirmed) == (2, True, 2, ())
        assert receipt.journal is not None
        assert receipt.journal.operations >= 1
        assert [await left_in(scene, name) for name in ("home", "standby")] == [0, 0]
        assert (await scene.chain.page(PageQuery(owner=OWNER))).memories == []
        assert await left_in(scene, "home", OTHER) == 1
        assert counts.removed["home"] == 2
        assert counts.pending[-1] == 1

        await asyncio.sleep(SETTLE_SECONDS)
        await step(one)
        final = await told(scene, erasure)
        assert final.confirmed_at is not None
        assert final.owner == ""
        assert set(await in_journal(scene)) == {OTHER.user}

    play(act)


def test_dead_letters_and_pending_deliveries_go() -> None:
    """What a provider has refused again and again holds a text as well."""

    async def act(scene: Scene) -> None:
        one = eraser(scene)
        await scene.remember("tea")
        [delivery] = await scene.journal.lease("standby", 10, 1.0)
        await scene.journal.settle([Dead(seq=delivery.seq, provider="standby", error="conflict")])

        erasure = await one.request(OWNER)
        await step(one)
        assert await scene.dead() == []
        assert await scene.journal.pending(10) == []
        assert set(await in_journal(scene)) == {USER}  # in the record of the erasure, until the last look
        assert (await told(scene, erasure)).finished_at is not None

    play(act)


def test_a_store_that_is_down_is_erased_when_it_is_back() -> None:
    """Until then the receipt says why it is pending, and nobody reads what the store still holds."""

    async def act(scene: Scene) -> None:
        one = eraser(scene)
        await scene.remember("tea")
        await scene.deliver()
        scene.standby.failures = {"*": DOWN}

        erasure = await one.request(OWNER)
        await step(one)
        receipt = await told(scene, erasure)
        assert receipt.finished_at is None
        assert receipt.of("home").done
        assert receipt.of("standby").trouble is not None
        assert await left_in(scene, "standby") == 1

        scene.standby.failures = {}
        scene.home.failures = {"*": DOWN}
        assert (await scene.chain.page(PageQuery(owner=OWNER))).memories == []
        assert (await scene.chain.find(RecallQuery(owner=OWNER, query="tea"))).memories == []
        scene.home.failures = {}
        await asyncio.sleep(100)
        await step(one)
        assert (await told(scene, erasure)).finished_at is not None
        assert await left_in(scene, "standby") == 0

    play(act)


def test_who_asks_again_is_erased_again() -> None:
    """While a store is down the user has come back, and has written what the second request is about."""

    async def act(scene: Scene) -> None:
        one = eraser(scene)
        await scene.remember("tea")
        await scene.deliver()
        scene.standby.failures = {"*": DOWN}
        erasure = await one.request(OWNER)
        await step(one)

        await scene.remember("coffee")
        again = await one.request(OWNER)
        assert again.id == erasure.id
        await step(one)
        assert await left_in(scene, "home") == 0
        assert (await told(scene, erasure)).finished_at is None

        scene.standby.failures = {}
        await asyncio.sleep(100)
        await step(one)
        receipt = await told(scene, erasure)
        assert receipt.finished_at is not None
        assert [await left_in(scene, name) for name in ("home", "standby")] == [0, 0]
        assert (await scene.chain.page(PageQuery(owner=OWNER))).memories == []

    play(act)


def test_another_process_takes_over() -> None:
    """The texts are gone by then, and the receipt says what could not be asked."""

    async def act(scene: Scene) -> None:
        await scene.remember("tea")
        await scene.deliver()
        first = eraser(scene)
        scene.standby.failures = {"*": DOWN}
        erasure = await first.request(OWNER)
        await step(first)

        scene.standby.failures = {}
        await asyncio.sleep(100)
        await step(eraser(scene, holder="two"))
        receipt = await told(scene, erasure)
        assert receipt.finished_at is not None
        assert len(receipt.of("standby").unconfirmed) == 2
        assert receipt.of("home").unconfirmed == ()

    play(act)


def test_a_user_who_comes_back_is_kept() -> None:
    """What is written above the fence stays, also while a store is still to be erased, and by a clock that is late."""

    async def act(scene: Scene) -> None:
        one = eraser(scene)
        await scene.remember("tea")
        await scene.deliver()
        scene.standby.failures = {"*": DOWN}
        erasure = await one.request(OWNER)
        await step(one)

        version = (await told(scene, erasure)).version
        late = NewMemory(owner=OWNER, content="coffee", memory_id=key(), version=version - 1)
        stored = await scene.chain.store(late)
        assert stored.version > version
        changed = await scene.chain.change(Edit(owner=OWNER, memory_id=stored.id, content="cocoa"))
        assert changed.memory.content == "cocoa"
        scene.standby.failures = {}
        await asyncio.sleep(100)
        await step(one)
        await scene.deliver()
        assert (await told(scene, erasure)).finished_at is not None
        assert [await scene.kept(name) for name in ("home", "standby")] == [["cocoa"], ["cocoa"]]

    play(act)


def test_what_changes_an_erased_memory_finds_none() -> None:
    """An edit and a deletion whose versions the erasure has overtaken."""

    async def act(scene: Scene) -> None:
        one = eraser(scene)
        await scene.remember("tea")
        [memory] = (await scene.chain.page(PageQuery(owner=OWNER))).memories
        erasure = await one.request(OWNER)
        await step(one)

        version = (await told(scene, erasure)).version
        with pytest.raises(MemoryNotFound):
            await scene.chain.change(Edit(owner=OWNER, memory_id=memory.id, content="milk", version=version - 1))
        assert not await scene.chain.delete(USER, memory.id, version=version - 1)
        assert await scene.operations() == 0

    play(act)


@pytest.mark.parametrize("told_home", [True, False], ids=["home knows", "home does not"])
def test_a_process_that_knows_no_fence_revives_nothing(*, told_home: bool) -> None:
    """Home was too slow for a deletion and for the fence, and answers again before it is erased.

    A store that keeps no fences is like it; the journal knows better than both.
    """

    async def act(scene: Scene) -> None:
        one = eraser(scene)
        await scene.remember("tea", "coffee")
        await scene.forget()
        tea, coffee = (await scene.chain.page(PageQuery(owner=OWNER))).memories
        for provider in scene.providers.values():
            provider.failures = {"*": DOWN}
        erasure = await one.request(OWNER)
        await step(one)
        await scene.deliver()
        assert (await told(scene, erasure)).of("home").trouble is not None
        for provider in scene.providers.values():
            provider.failures = {}
        await asyncio.sleep(100)
        for link in scene.links.values():
            link.fences = FenceList()
        if told_home:
            await scene.home.put_fences((await scene.journal.fences()).fences)

        with pytest.raises(MemoryNotFound):
            await scene.chain.change(Edit(owner=OWNER, memory_id=tea.id, metadata={"topic": "tea"}))
        changed = await scene.chain.change_many([Edit(owner=OWNER, memory_id=coffee.id, content="cocoa")])
        assert [type(answer) for answer in changed] == [MemoryNotFound]
        seen = Deletion(owner=OWNER, memory_id=tea.id, seen=tea.version)
        assert (await scene.chain.erase(seen)).count == 0
        await scene.remember("chicory")
        [chicory] = [
            memory
            for memory in (await scene.chain.page(PageQuery(owner=OWNER))).memories
            if memory.content == "chicory"
        ]
        await scene.chain.change(Edit(owner=OWNER, memory_id=chicory.id, metadata={"topic": "coffee"}))

        for link in scene.links.values():
            link.fences = one.fences
        await step(one)
        await scene.deliver()
        assert (await told(scene, erasure)).finished_at is not None
        assert [await scene.kept(name) for name in ("home", "standby")] == [["chicory"], ["chicory"]]

    play(act)


def test_what_arrives_late_is_found_at_the_last_look() -> None:
    """A write that was under way, at a store that keeps no list."""

    async def act(scene: Scene) -> None:
        one = eraser(scene)
        await scene.remember("tea")
        await scene.deliver()
        [state] = await MockMemoryProvider.snapshots(scene.standby, OWNER)
        keep_no_list(scene.standby)
        erasure = await one.request(OWNER)
        await step(one)
        await MockMemoryProvider.put_many(scene.standby, [state])
        assert await left_in(scene, "standby") == 1

        await asyncio.sleep(SETTLE_SECONDS)
        await step(one)
        assert await left_in(scene, "standby") == 0
        receipt = await told(scene, erasure)
        assert receipt.confirmed_at is not None
        assert receipt.of("standby").states == 2

    play(act)


def test_a_delivery_that_was_under_way_is_over() -> None:
    """The relay has leased what is erased meanwhile: nothing is put, and nothing stays pending or dead."""

    async def act(scene: Scene) -> None:
        one = eraser(scene)
        await scene.remember("tea")
        scene.standby.seconds = 2.0
        delivering = asyncio.ensure_future(scene.relay("standby").deliver_some())
        await asyncio.sleep(0.5)
        await one.request(OWNER)
        await step(one)
        await delivering
        scene.standby.seconds = 0.0

        assert await scene.dead() == []
        await asyncio.sleep(SETTLE_SECONDS)
        await step(one)
        assert await left_in(scene, "standby") == 0

    play(act)


def test_what_could_not_be_confirmed_is_said() -> None:
    """A store that keeps its tombstones, and one whose embedder does not answer."""

    async def act(scene: Scene) -> None:
        one = eraser(scene)
        await scene.remember("tea")
        await scene.deliver()
        scene.home.instead["purge"] = _cannot_forget
        scene.standby.instead["find"] = _without_vector

        erasure = await one.request(OWNER)
        await step(one)
        await scene.deliver()
        await asyncio.sleep(100)
        await step(one)
        receipt = await told(scene, erasure)
        assert receipt.finished_at is not None
        assert any("tombstones" in one for one in receipt.of("home").unconfirmed)
        assert any("vector" in one for one in receipt.of("standby").unconfirmed)

    play(act)


def test_a_request_is_made_once() -> None:
    """Repeated while it goes on it is the same erasure; later it is another one, which finds nothing."""

    async def act(scene: Scene) -> None:
        one = eraser(scene)
        await scene.remember("tea")
        first = await one.request(OWNER)
        assert (await one.request(OWNER)).id == first.id
        await step(one)

        second = await one.request(OWNER)
        assert second.id != first.id
        await step(one)
        assert [store.states for store in (await told(scene, second)).stores] == [0, 0]
        with pytest.raises(InvalidInput):
            await one.request(Owner(""))

    play(act)


def test_a_backfill_takes_nothing_of_the_user() -> None:
    """A state that was read before the erasure is as good as put, and is not there."""

    async def act(scene: Scene) -> None:
        one = eraser(scene)
        await scene.remember("tea")
        await scene.deliver()
        [state] = await MockMemoryProvider.snapshots(scene.home, OWNER)
        await one.request(OWNER)
        await step(one)

        link = scene.links["standby"]
        assert await ComparedStore(link, scene.clock).put([state]) == [None]
        assert await left_in(scene, "standby") == 0

    play(act)


async def _cannot_forget(_provider: MockMemoryProvider, *_: object) -> int:
    raise Unsupported("forget")


async def _without_vector(provider: MockMemoryProvider, query: RecallQuery) -> object:
    return replace(await MockMemoryProvider.find(provider, query), degraded=(NO_VECTOR,))
