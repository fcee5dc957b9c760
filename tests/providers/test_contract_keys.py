"""What every provider promises of keys: one current memory, whoever writes; and of writes over one version alone."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from providers.answers import Stored
from providers.base import MemoryProvider
from providers.errors import InvalidInput, KeyNotFound, KeyTaken, MemoryNotFound, VersionMismatch
from providers.keys.batching import put_many, tidy_many
from providers.keys.choosing import unlooked_version
from providers.keys.listing import FolderCount, list_keys
from providers.keys.looking import fetch
from providers.keys.renaming import rename, rename_all
from providers.keys.writing import Kept, Put, delete, put, tidy
from providers.mem0.provider import Mem0HttpMemoryProvider
from providers.owners import Owner
from providers.types import Conditions, Deletion, Edit, NewMemory, PageQuery

AT_ONCE = 6
PAST = datetime(2024, 2, 29, tzinfo=UTC)
FUTURE = datetime(2999, 12, 31, tzinfo=UTC)


def wanted(owner: Owner, key: str, content: str, memory_id: str | None = None) -> Put:
    """What is to be put under a key."""
    return Put(memory=NewMemory(owner=owner, content=content, key=key, memory_id=memory_id))


async def contents(provider: MemoryProvider, owner: Owner) -> list[str]:
    """The contents of all memories."""
    return sorted(memory.content for memory in (await provider.page(PageQuery(owner=owner))).memories)


async def test_a_key_names_one_memory_at_a_time(provider: MemoryProvider, user: str) -> None:
    """It is created, replaced in its place, deleted for ever, and then another one; nobody else has it."""
    owner = Owner(user)
    first = await put(provider, wanted(owner, "plans/..//é", "tea"))
    second = await put(provider, wanted(owner, "plans/..//é", "more tea"))
    got = (await fetch(provider, owner, "plans/..//é")).memory
    deleted, _ = await delete(provider, owner, "plans/..//é")
    third = await put(provider, wanted(owner, "plans/..//é", "milk"))

    assert (first.created, second.created, third.created) == (True, False, True)
    assert first.id == second.id == got.id == deleted != third.id
    assert (got.content, got.version, first.version < second.version) == ("more tea", second.version, True)
    assert await contents(provider, owner) == ["milk"]
    for other, key in ((Owner(f"{user} too"), "plans/..//é"), (owner, "plans")):
        with pytest.raises(KeyNotFound):
            await fetch(provider, other, key)


async def test_a_repeated_deletion_finds_what_it_has_deleted(provider: MemoryProvider, user: str) -> None:
    """It deletes nothing that was put under the key since; another deletion finds nothing, or the new memory."""
    owner, edit_id, other = Owner(user), str(uuid4()), str(uuid4())
    first = await put(provider, wanted(owner, "plans", "tea"))
    deleted, erased = await delete(provider, owner, "plans", edit_id=edit_id)
    if (await provider.deleted_by(owner, edit_id)).memory_id is None:
        assert isinstance(provider, Mem0HttpMemoryProvider)
        pytest.skip("keeps nothing of what was deleted")

    again, repeated = await delete(provider, owner, "plans", edit_id=edit_id)
    with pytest.raises(KeyNotFound):
        await delete(provider, owner, "plans", edit_id=other)
    await put(provider, wanted(owner, "plans", "milk"))
    late, _ = await delete(provider, owner, "plans", edit_id=edit_id)

    assert first.id == deleted == again == late
    assert (erased.count, repeated.count) == (1, 1)
    assert await contents(provider, owner) == ["milk"]
    assert (await provider.deleted_by(Owner(f"{user} too"), edit_id)).memory_id is None


async def test_who_puts_at_the_same_time_leaves_one(provider: MemoryProvider, user: str) -> None:
    """The one that all of them choose; each was told that it is stored."""
    owner = Owner(user)

    kept = await asyncio.gather(*(put(provider, wanted(owner, "plans", f"tea {n}")) for n in range(AT_ONCE)))

    current = (await fetch(provider, owner, "plans")).memory
    assert current.id in {one.id for one in kept}
    assert await contents(provider, owner) == [current.content]


async def test_of_two_memories_the_newer_one_is_current(provider: MemoryProvider, user: str) -> None:
    """What the newer one supersedes goes with the next look, and does not come back when that one is deleted."""
    owner = Owner(user)
    for content in ("tea", "more tea"):
        for key in ("a", "b"):
            await provider.store(NewMemory(owner=owner, content=f"{key} {content}", key=key))

    assert (await fetch(provider, owner, "a")).memory.content == "a more tea"
    await delete(provider, owner, "b")
    assert await contents(provider, owner) == ["a more tea"]


async def test_a_repeated_put_is_recognised(provider: MemoryProvider, user: str) -> None:
    """By the id that it has in every retry."""
    owner, memory_id = Owner(user), str(uuid4())

    kept = [await put(provider, wanted(owner, "plans", "tea", memory_id)) for _ in range(2)]

    assert [one.id for one in kept] == [memory_id, memory_id]
    assert kept[0].version == kept[1].version


async def test_a_batch_puts_each_under_its_key(provider: MemoryProvider, user: str) -> None:
    """What is new is stored in the order of the batch, what is there is replaced, and each fails alone."""
    owner = Owner(user)
    there = await put(provider, wanted(owner, "plans", "tea"))
    expected = Put(memory=NewMemory(owner=owner, content="never", key="wrong"), expected=1)
    items: list[NewMemory | Put] = [
        NewMemory(owner=owner, content="first"),
        wanted(owner, "second", "second"),
        wanted(owner, "plans", "more tea"),
        expected,
        NewMemory(owner=owner, content="third"),
    ]

    first, second, replaced, wrong, third = await put_many(provider, items)
    await tidy_many(provider, owner, ["second"])
    again = await put_many(provider, [wanted(owner, "second", "second again")])

    assert isinstance(first, Stored)
    assert isinstance(third, Stored)
    assert isinstance(wrong, VersionMismatch)
    assert isinstance(second, Kept)
    assert isinstance(replaced, Kept)
    assert (second.created, replaced.created, replaced.id) == (True, False, there.id)
    assert [kept.created for kept in again if isinstance(kept, Kept)] == [False]
    listed = (await provider.page(PageQuery(owner=owner, order="oldest"))).memories
    assert [memory.content for memory in listed] == ["more tea", "first", "second again", "third"]
    assert [memory.key for memory in listed] == ["plans", None, "second", None]
    with pytest.raises(InvalidInput, match="items\\[0\\]"):
        await put_many(provider, [wanted(owner, "x", "one"), wanted(owner, "x", "two")])
    assert len(await contents(provider, owner)) == len(listed)


async def test_the_key_of_an_expired_memory_names_none(provider: MemoryProvider, user: str) -> None:
    """It is neither got, deleted nor listed; who takes the key over makes another memory, which is current then."""
    owner = Owner(user)
    for key in ("a", "b", "c/1"):
        # Of the future, as that of a host whose clock is ahead: what comes later must not be superseded by it.
        gone = NewMemory(owner=owner, content="gone", key=key, expires_at=PAST, first_version=unlooked_version())
        await provider.store(gone)

    for ask in (fetch(provider, owner, "a"), delete(provider, owner, "a")):
        with pytest.raises(KeyNotFound):
            await ask
    assert (await list_keys(provider, owner)).memories == []
    kept = await put(provider, wanted(owner, "a", "tea"))
    await put(provider, wanted(owner, "d", "milk"))
    await rename(provider, owner, "d", "b", lambda edit: edit)
    await put(provider, wanted(owner, "e/1", "water"))
    await rename_all(provider, owner, "e/", "c/", lambda edit: edit)
    await tidy(provider, owner, "a")
    assert kept.created
    assert [one.key for one in (await list_keys(provider, owner)).memories] == ["a", "b", "c/1"]
    assert [(await fetch(provider, owner, key)).memory.content for key in ("a", "b", "c/1")] == ["tea", "milk", "water"]


async def test_a_put_replaces_the_expiry(provider: MemoryProvider, user: str) -> None:
    """As all other parts: what is put without one does not expire any more."""
    owner = Owner(user)
    for expires_at in (FUTURE, None):
        kept = await put(provider, Put(memory=NewMemory(owner=owner, content="tea", key="a", expires_at=expires_at)))

        memory = (await fetch(provider, owner, "a")).memory
        assert (memory.expires_at, memory.version) == (expires_at, kept.version)


async def test_keys_are_renamed_and_listed(provider: MemoryProvider, user: str) -> None:
    """Ids and contents stay; keys are chosen by their beginnings, which are no patterns."""
    owner = Owner(user)
    ids = {key: (await put(provider, wanted(owner, key, key))).id for key in ("a/1", "a/b/2", "a%", "é", "\U0001f375")}
    await rename(provider, owner, "é", "\U0010ffff", lambda edit: edit)
    moved = await rename_all(provider, owner, "a/", "z/", lambda edit: edit)
    with pytest.raises(KeyTaken):
        await rename(provider, owner, "a%", "z/1", lambda edit: edit)

    listed = await list_keys(provider, owner, "z/", depth=1)
    assert {one.memory.key: one.memory.id for one in moved} == {"z/1": ids["a/1"], "z/b/2": ids["a/b/2"]}
    assert ([one.key for one in listed.memories], listed.folders) == (["z/1"], {"z/b/": FolderCount(1, len("a/b/2"))})
    whole = [(one.key, one.id) for one in (await list_keys(provider, owner)).memories]
    sizes = (await list_keys(provider, owner, "\U0010ffff")).sizes
    assert [sizes[ids["é"]]] == [len("é".encode())]  # of the text, which was the key before
    assert [key for key, _ in whole] == ["a%", "z/1", "z/b/2", "\U0001f375", "\U0010ffff"]
    assert dict(whole)["\U0010ffff"] == ids["é"]
    assert (await fetch(provider, owner, "z/b/2")).memory.content == "a/b/2"
    assert (await provider.page(PageQuery(owner=owner, key_prefix="a_", total=True))).total == 0
    await provider.store(NewMemory(owner=owner, content="without a key"))
    assert (await provider.erase_all(owner, conditions=Conditions(key_prefix=""))).count == len(ids)
    assert await contents(provider, owner) == ["without a key"]


async def test_a_write_meets_one_version_alone(provider: MemoryProvider, user: str) -> None:
    """A change or a deletion of another version than the one seen does nothing."""
    owner = Owner(user)
    stored = await provider.store(NewMemory(owner=owner, content="tea"))
    edit = Edit(owner=owner, memory_id=stored.id, content="milk", edit_id=str(uuid4()), seen=stored.version)

    changed = (await provider.change(edit)).memory
    again = (await provider.change(edit)).memory  # a retry, which has been done already

    assert changed == again
    assert changed.version > stored.version
    for late in (
        Edit(owner=owner, memory_id=stored.id, content="x", seen=stored.version),
        Edit(owner=owner, memory_id=stored.id, seen=stored.version),
    ):
        with pytest.raises(VersionMismatch):
            await provider.change(late)
    with pytest.raises(VersionMismatch):
        await put(provider, Put(memory=NewMemory(owner=owner, content="x", key="none"), expected="*"))
    assert (await provider.erase(Deletion(owner=owner, memory_id=stored.id, seen=stored.version))).count == 0
    assert (await provider.fetch(owner, stored.id)).memory == changed
    assert (await provider.erase(Deletion(owner=owner, memory_id=stored.id, seen=changed.version))).count == 1
    with pytest.raises(MemoryNotFound):
        await provider.fetch(owner, stored.id)
