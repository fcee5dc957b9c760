"""Writes by key: put what a key names, and delete it."""

from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from providers.answers import WITHOUT_JOURNAL, Changed, Erased, Stored
from providers.base import MemoryProvider
from providers.errors import KeyNotFound, MemoryDeleted, MemoryNotFound, ProviderError, Unavailable, VersionMismatch
from providers.keys.choosing import OfKey, unlooked_version
from providers.keys.looking import delete_superseded, free, look
from providers.limits import check_key, check_new_memory
from providers.owners import Owner
from providers.replacing import replacement
from providers.states.clock import Milliseconds, wall_clock_ms
from providers.types import Deletion, Edit, MemoryRecord, NewMemory

ANY: Literal["*"] = "*"
Expected = int | Literal["*"] | None  # a version, any, or nothing in particular

_TRIES = 4  # while others put or delete under the same key


class Put(Struct, frozen=True, kw_only=True):
    """What a key is to name: a new memory where there is none, or else the one that is there with all parts replaced.

    `memory` has the key, and an id only so that a retry is recognised; `named` gives an edit the id that it has in
    every retry. With `expected` the memory must be there, and have that version.
    """

    memory: NewMemory
    named: Callable[[Edit], Edit] = lambda edit: edit
    expected: Expected = None

    @property
    def key(self) -> str:
        """The key."""
        return self.memory.key or ""


class Kept(Struct, frozen=True, kw_only=True):
    """What a put has done: the memory's id and version, and the facts of the `written`.

    Where it is `untidy`, `tidy` is to follow.
    """

    id: str
    version: int
    created: bool
    written: Stored | Changed

    @property
    def untidy(self) -> bool:
        """Whether a look is to follow: something was created, by a store that does not look by itself."""
        return isinstance(self.written, Stored) and not self.written.tidied


async def put(provider: MemoryProvider, wanted: Put, now_ms: Milliseconds = wall_clock_ms) -> Kept:
    """Create or replace what a key names.

    An id is never used again: where the memory is deleted meanwhile, a new one is created. What cannot look for what
    the key names creates a new one, too, which supersedes all others; see the README.

    Raises:
        VersionMismatch: there is another version than the one expected, or none.
        Unavailable: it is unknown whether it was done; the same call may be repeated.
    """
    check_key(wanted.key)
    check_new_memory(wanted.memory)
    for _ in range(_TRIES):
        try:
            return await _put_once(provider, wanted, now_ms)
        except MemoryNotFound:
            pass  # what it was to replace was deleted meanwhile
        except MemoryDeleted:
            if wanted.memory.memory_id is not None:
                raise  # a retry of what was put, and deleted since
            # Otherwise it was deleted by its key before home had it.
    raise Unavailable(f"the key {wanted.key!r} is being written by too many at once")


class PlannedChange(Struct, frozen=True):
    """The edit that replaces the memory that a key names, and all that was found under the key."""

    edit: Edit
    found: OfKey


async def planned(provider: MemoryProvider, wanted: Put, now_ms: Milliseconds) -> NewMemory | PlannedChange:
    """Look, and return what a put is to store or to replace.

    Raises:
        VersionMismatch, Unavailable: as for `put`.
    """
    try:
        found = await look(provider, wanted.memory.owner, wanted.key, now_ms)
    except Unavailable as error:
        # Without the journal nothing is accepted; and of two that cannot look, the one with the later clock wins.
        if wanted.expected is not None or error.outcome == WITHOUT_JOURNAL:
            raise
        return replace(wanted.memory, first_version=unlooked_version(now_ms))
    _check_expected(wanted, found.current)
    there = found.current or found.expired
    if there is not None and there.id == wanted.memory.memory_id:
        return wanted.memory  # a retry
    if found.current is None:
        await free(provider, found)
        return wanted.memory
    return PlannedChange(_replacement(wanted, found.current), found)


async def _put_once(provider: MemoryProvider, wanted: Put, now_ms: Milliseconds) -> Kept:
    memory = wanted.memory
    # What is expected, or named so that a retry is recognised, depends on what a look finds.
    plain = wanted.expected is None and memory.memory_id is None
    if plain and provider.puts_keyed(memory.owner) and (done := await provider.put_keyed(memory)) is not None:
        return kept_of(done)
    plan = await planned(provider, wanted, now_ms)
    if isinstance(plan, NewMemory):
        return kept_of(await provider.store(plan))
    changed = await provider.change(plan.edit)
    await delete_superseded(provider, plan.found)
    return kept_of(changed)


async def tidy(provider: MemoryProvider, owner: Owner, key: str) -> None:
    """Delete what is superseded under a key, once something was created under it; somebody else may have done so, too.

    Nobody waits for that: reads show one memory of a key all the same, and every later look does it again.
    """
    with suppress(ProviderError):
        await delete_superseded(provider, await look(provider, owner, key))


async def delete(
    provider: MemoryProvider,
    owner: Owner,
    key: str,
    expected: Expected = None,
    edit_id: str | None = None,
    now_ms: Milliseconds = wall_clock_ms,
) -> tuple[str, Erased]:
    """Delete what a key names for ever; return its id, and the facts.

    Where a deletion with the same `edit_id` has deleted a memory, this one repeats it, whatever the key names now.

    Raises:
        KeyNotFound: no memory has the key, or it has expired.
        VersionMismatch: there is another version than the one expected.
        Unavailable: it is unknown what the key names.
    """
    check_key(key)
    if edit_id is not None and (deleted := (await provider.deleted_by(owner, edit_id)).memory_id):
        return deleted, await provider.erase(Deletion(owner=owner, memory_id=deleted, edit_id=edit_id))
    for _ in range(_TRIES):
        found = await look(provider, owner, key, now_ms)
        current = found.current
        if current is None:
            raise KeyNotFound(key)
        seen = _version_of(expected)
        if seen not in {None, current.version}:
            raise VersionMismatch(f"the memory under the key {key!r}")
        await delete_superseded(provider, found)  # before the current one, after which they would show again
        erased = await provider.erase(Deletion(owner=owner, memory_id=current.id, seen=seen, edit_id=edit_id))
        if erased.count:
            return current.id, erased
    raise Unavailable(f"the key {key!r} is being written by too many at once")


def kept_of(written: Stored | Changed) -> Kept:
    """Return what a put has done, from what its write has."""
    if isinstance(written, Stored):
        return Kept(id=written.id, version=written.version, created=True, written=written)
    return Kept(id=written.memory.id, version=written.memory.version, created=False, written=written)


def _check_expected(wanted: Put, current: MemoryRecord | None) -> None:
    if wanted.expected is None:
        return
    if current is None or wanted.expected not in {ANY, current.version}:
        raise VersionMismatch(f"the memory under the key {wanted.key!r}")


def _replacement(wanted: Put, current: MemoryRecord) -> Edit:
    return wanted.named(replacement(wanted.memory, current.id, seen=_version_of(wanted.expected)))


def _version_of(expected: Expected) -> int | None:
    return expected if isinstance(expected, int) else None
