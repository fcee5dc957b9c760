"""A provider that lacks what the journal knows as confirmed there is not believed, and is reported."""

import asyncio
from datetime import UTC, datetime
from functools import partial

import pytest
from msgspec.structs import replace

from providers.answers import Fetched
from providers.chain.fetching import CONTRADICTION
from providers.chain.observer import Unobserved
from providers.chain.overlay import UNVERIFIED
from providers.erasure.fences import new_key
from providers.erasure.receipts import Erasure
from providers.errors import MemoryNotFound, Unavailable
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.types import Deletion, NewMemory
from tests.providers.chain.scene import DOWN, USER, Scene, failure_of, key, play

END = datetime(9000, 1, 1, tzinfo=UTC)


class Suspects(Unobserved):
    """Records the providers that contradicted the journal."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def contradicted(self, provider: str) -> None:
        """Record."""
        self.names.append(provider)


def watched(scene: Scene) -> Suspects:
    """Let somebody watch what the chain does."""
    suspects = Suspects()
    scene.watch(suspects)
    return suspects


@pytest.mark.parametrize("names", [("home",), ("home", "standby")], ids=["alone", "with a standby"])
def test_a_lost_memory_is_found(names: tuple[str, ...]) -> None:
    """The journal answers for the store, which was rolled back."""

    async def act(scene: Scene) -> None:
        suspects = watched(scene)
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.deliver()
        scene.home.restore([])
        told = scene.listen()

        record = await scene.chain.get(USER, memory_id)

        assert (record.content, told.provider, told.degraded, told.eventual) == (
            "tea",
            "journal",
            [CONTRADICTION],
            False,
        )
        assert suspects.names == ["home"]

    play(act, *names)


def test_a_change_that_a_repeated_first_write_has_replaced_is_shown() -> None:
    """However new the version of the repetition is."""

    async def act(scene: Scene) -> None:
        suspects = watched(scene)
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        before = await scene.home.snapshot(Owner(USER), memory_id)
        assert before is not None
        changed = await scene.chain.update(USER, memory_id, content="coffee")
        await scene.deliver()
        scene.home.restore([replace(before, version=scene.versions.next())])

        assert await scene.chain.get(USER, memory_id) == changed
        assert suspects.names == ["home"]

    play(act)


def test_a_change_that_was_undone_is_shown() -> None:
    """The store was rolled back to what came before it."""

    async def act(scene: Scene) -> None:
        suspects = watched(scene)
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.deliver()
        backup = await MockMemoryProvider.snapshots(scene.home, Owner(USER))
        await scene.chain.update(USER, memory_id, content="coffee")
        await scene.deliver()
        scene.home.restore(backup)
        told = scene.listen()

        record = await scene.chain.get(USER, memory_id)

        assert (record.content, told.provider, told.degraded) == ("coffee", "journal", [CONTRADICTION])
        assert suspects.names == ["home"]

    play(act)


def test_what_was_never_there_is_not_found() -> None:
    """Nobody knows of it, so that nobody is contradicted; as it is once the journal has forgotten."""

    async def act(scene: Scene) -> None:
        suspects = watched(scene)
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.forget()
        scene.home.restore([])

        for asked in (memory_id, key()):
            assert isinstance(await failure_of(scene.chain.get(USER, asked)), MemoryNotFound)
        assert suspects.names == []

    play(act)


def test_what_is_deleted_meanwhile_is_not_found() -> None:
    """The journal is asked again before anybody is suspected."""

    async def act(scene: Scene) -> None:
        suspects = watched(scene)
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.deliver()

        async def fetch(*_: object) -> None:
            del scene.home.instead["fetch"]
            await scene.chain.delete(USER, memory_id)
            raise MemoryNotFound(memory_id)

        scene.home.instead["fetch"] = fetch

        assert isinstance(await failure_of(scene.chain.get(USER, memory_id)), MemoryNotFound)
        assert suspects.names == []

    play(act)


async def erase(scene: Scene, version: int) -> None:
    """Put a fence, and remove what is not above it from both stores; the journal still has it."""
    begun = await scene.journal.begin_erasure(Erasure(id=key(), owner=USER, hash="", requested_at=0.0))
    await scene.journal.fence(replace(begun, version=version), new_key())
    for provider in scene.providers.values():
        await MockMemoryProvider.purge(provider, Owner(USER), version)


def test_what_is_being_erased_is_no_contradiction() -> None:
    """The journal is the last to forget it; a process that knows of the erasure suspects nobody."""

    async def act(scene: Scene) -> None:
        suspects = watched(scene)
        memory = NewMemory(owner=Owner(USER), content="tea", sliding_seconds=60, expires_at=END)
        memory_id = (await scene.chain.store(memory)).id
        await scene.deliver()
        await erase(scene, scene.versions.next())
        for link in scene.links.values():
            link.fences.add((await scene.journal.fences()).fences)
        told = scene.listen()

        assert isinstance(await failure_of(scene.chain.get(USER, memory_id)), MemoryNotFound)
        assert isinstance(await failure_of(scene.chain.update(USER, memory_id, content="coffee")), MemoryNotFound)
        assert (told.degraded, suspects.names) == ([], [])

    play(act)


@pytest.mark.parametrize("asked", ["fetch", "snapshot"])
def test_what_is_erased_meanwhile_is_no_contradiction(asked: str) -> None:
    """It is gone from the stores and from the journal before the answer of one of them came."""

    async def act(scene: Scene) -> None:
        suspects = watched(scene)
        memory = NewMemory(owner=Owner(USER), content="tea", sliding_seconds=60, expires_at=END)
        memory_id = (await scene.chain.store(memory)).id
        await scene.deliver()

        async def answer(provider: MockMemoryProvider, owner: Owner, memory_id: str) -> object:
            if scene.home.instead.pop(asked, None):
                version = scene.versions.next()
                await erase(scene, version)
                await scene.journal.purge(USER, version)
            return await getattr(MockMemoryProvider, asked)(provider, owner, memory_id)

        scene.home.instead[asked] = answer
        call = scene.chain.get if asked == "fetch" else partial(scene.chain.update, content="coffee")
        told = scene.listen()

        assert isinstance(await failure_of(call(USER, memory_id)), MemoryNotFound)
        assert (told.degraded, suspects.names) == ([], [])

    play(act)


def test_what_is_changed_meanwhile_is_shown_as_it_is() -> None:
    """The store was only faster than the answer."""

    async def act(scene: Scene) -> None:
        suspects = watched(scene)
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await asyncio.sleep(1)
        await scene.chain.update(USER, memory_id, content="coffee")
        await scene.deliver()

        async def fetch(provider: MockMemoryProvider, owner: Owner, memory_id: str) -> Fetched:
            del scene.home.instead["fetch"]
            await asyncio.sleep(0.05)
            await scene.chain.update(USER, memory_id, content="cocoa")
            await scene.deliver()
            return await MockMemoryProvider.fetch(provider, owner, memory_id)

        scene.home.instead["fetch"] = fetch
        told = scene.listen()

        assert (await scene.chain.get(USER, memory_id)).content == "cocoa"
        assert (told.degraded, suspects.names) == ([], [])

    play(act)


def test_one_wrong_answer_is_no_contradiction() -> None:
    """The store is asked a second time."""

    async def act(scene: Scene) -> None:
        suspects = watched(scene)
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.deliver()
        scene.home.errors.append(MemoryNotFound(memory_id))
        told = scene.listen()

        assert (await scene.chain.get(USER, memory_id)).content == "tea"
        assert (told.provider, told.degraded, suspects.names) == ("home", [], [])

    play(act)


def test_a_tombstone_is_believed_wherever_it_is() -> None:
    """A deletion wins; that the journal does not know it is reported."""

    async def act(scene: Scene) -> None:
        suspects = watched(scene)
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.deliver()
        await scene.home.erase(Deletion(owner=Owner(USER), memory_id=memory_id))
        told = scene.listen()

        assert isinstance(await failure_of(scene.chain.get(USER, memory_id)), MemoryNotFound)
        assert (told.provider, told.degraded, suspects.names) == ("home", [CONTRADICTION], ["home"])

    play(act)


def test_a_change_does_not_begin_from_what_was_lost() -> None:
    """A provider took what nobody could judge and lost it; what the others have of it is the truth."""

    async def act(scene: Scene) -> None:
        suspects = watched(scene)
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.chain.update(USER, memory_id, content="coffee")
        await scene.forget()
        await repeat_unjudged(scene, memory_id)
        await scene.deliver()
        scene.home.restore([])

        await scene.chain.update(USER, memory_id, metadata={"kind": "drink"})

        assert (await scene.chain.get(USER, memory_id)).content == "coffee"
        assert suspects.names == ["home"]

    play(act)


def test_a_change_waits_for_who_may_have_what_was_lost() -> None:
    """Until then nobody knows what it would change; where all have lost it, the journal is all there is."""

    async def act(scene: Scene) -> None:
        watched(scene)
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.forget()
        await repeat_unjudged(scene, memory_id)
        await scene.deliver()
        scene.home.restore([])
        scene.standby.failures["*"] = DOWN

        assert isinstance(await failure_of(scene.chain.update(USER, memory_id, content="coffee")), Unavailable)
        scene.standby.failures.clear()
        scene.standby.restore([])
        await scene.chain.update(USER, memory_id, content="coffee")
        assert (await scene.chain.get(USER, memory_id)).content == "coffee"

    play(act)


def test_a_repeated_write_is_no_second_memory() -> None:
    """The journal knows the first, whatever the store says."""

    async def act(scene: Scene) -> None:
        watched(scene)
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.deliver()
        scene.home.restore([])

        assert await scene.chain.remember(USER, "tea", memory_id=memory_id) == memory_id
        assert (await scene.operations(), await scene.kept("home")) == (1, [])

    play(act)


def test_what_nobody_could_judge_and_a_store_has_lost_is_marked() -> None:
    """There may have been changes that are lost, too."""

    async def act(scene: Scene) -> None:
        watched(scene)
        memory_id = key()
        await repeat_unjudged(scene, memory_id)
        await scene.deliver()
        scene.home.restore([])
        told = scene.listen()

        await scene.chain.get(USER, memory_id)

        assert (told.degraded, told.eventual) == ([CONTRADICTION, UNVERIFIED], True)

    play(act)


async def repeat_unjudged(scene: Scene, memory_id: str) -> None:
    """Store the first content once more, while nobody can tell that it is a repetition."""
    for provider in scene.providers.values():
        provider.failures["*"] = DOWN
    await scene.chain.remember(USER, "tea", memory_id=memory_id)
    for provider in scene.providers.values():
        provider.failures.clear()
