"""A single store without a journal, which other processes change that have not heard of an erasure yet."""

from msgspec import UNSET

from providers.chain.erasing.eraser import Eraser
from providers.chain.observer import Unobserved
from providers.chain.policy import ErasurePolicy
from providers.chain.route import Route
from providers.erasure.fences import FenceList
from providers.erasure.receipts import OUTRUN, Erasure
from providers.journal.base import Journal
from providers.keys.writing import Put, put
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.source import IMPORTED, WriteSource
from providers.types import Edit, NewMemory
from tests.providers.chain.erasing.rig import Erased, step, told
from tests.providers.chain.scene import DOWN, USER, Scene, play
from tests.support.frail import FrailProvider

OWNER = Owner(USER)


class Alone(Erased):
    """A chain without a journal, over the first store; what is in the journal of the scene is its file."""

    @property
    def journal(self) -> Journal | None:
        """There is none."""
        return None

    @property
    def route(self) -> Route:
        """The one store."""
        link = self.scene.links["home"]
        return Route(links=(link,), in_sync=frozenset({link.name}))

    @property
    def provider(self) -> FrailProvider:
        """The store, as the only process has it that knows of the erasure."""
        return self.scene.home


def eraser(scene: Scene) -> Eraser:
    """Return the eraser of a process."""
    fences = FenceList()
    for link in scene.links.values():
        link.fences = fences
    return Eraser(Alone(scene, Unobserved()), scene.versions, ErasurePolicy(), fences, now=scene.clock)


async def pending(scene: Scene, one: Eraser) -> Erasure:
    """Return an erasure that has put its fence while the store was down."""
    scene.home.failures = {"*": DOWN}
    erasure = await one.request(OWNER)
    await step(one)
    scene.home.failures = {}
    assert (await told(scene, erasure)).version > 0
    return erasure


async def contents(scene: Scene) -> list[str | None]:
    """Return what the store holds of the user, tombstones included."""
    return [state.content for state in await MockMemoryProvider.snapshots(scene.home, OWNER)]


def test_what_was_changed_before_the_store_had_the_fence_is_erased() -> None:
    """By id and by key; the receipt says why it takes another look."""

    async def act(scene: Scene) -> None:
        one = eraser(scene)
        by_id = await scene.home.remember(USER, "tea")
        await put(scene.home, Put(memory=NewMemory(owner=OWNER, content="coffee", key="drink")))
        await scene.home.remember(USER, "milk")
        erasure = await pending(scene, one)
        await MockMemoryProvider.change(scene.home, Edit(owner=OWNER, memory_id=by_id, content="green tea"))
        await put(scene.home, Put(memory=NewMemory(owner=OWNER, content="espresso", key="drink")))
        assert {*await contents(scene)} == {"green tea", "espresso", "milk"}

        await step(one)
        assert (await told(scene, erasure)).of("home").trouble == OUTRUN
        await step(one)
        assert (await told(scene, erasure)).finished_at is not None
        assert await contents(scene) == []

    play(act)


def test_what_was_deleted_before_the_store_had_the_fence_leaves_no_name() -> None:
    """Alone, and with everything."""

    async def act(scene: Scene) -> None:
        one = eraser(scene)
        tea = await scene.home.remember(USER, "tea")
        await scene.home.remember(USER, "coffee")
        erasure = await pending(scene, one)
        await scene.home.delete(USER, tea)
        assert await scene.home.delete_all(USER) == 1

        await step(one)
        assert (await told(scene, erasure)).finished_at is not None
        assert await contents(scene) == []

    play(act)


def test_what_a_user_who_comes_back_writes_stays() -> None:
    """New memories, changed ones among them, and imported ones, which bring their first version along."""

    async def act(scene: Scene) -> None:
        one = eraser(scene)
        await scene.home.remember(USER, "tea")
        [before] = await MockMemoryProvider.snapshots(scene.home, OWNER)
        erasure = await pending(scene, one)
        scene.versions.observe((await told(scene, erasure)).version)
        new = await scene.home.remember(USER, "coffee", version=scene.versions.next())
        edit = Edit(owner=OWNER, memory_id=new, content="cocoa", metadata=UNSET, version=scene.versions.next())
        await MockMemoryProvider.change(scene.home, edit)
        imported = NewMemory(
            owner=OWNER,
            content="chicory",
            version=scene.versions.next(),
            first_version=before.first_version,
            updated_at=before.created_at,
            source=WriteSource(origin=IMPORTED),
        )
        await scene.home.store(imported)

        await step(one)
        assert (await told(scene, erasure)).finished_at is not None
        assert sorted(map(str, await contents(scene))) == ["chicory", "cocoa"]

    play(act)
