"""What stores and a journal hold at one moment, and copies of them to go back to."""

import sqlite3
from collections.abc import Iterable, Mapping
from copy import copy, deepcopy
from datetime import datetime
from functools import reduce
from typing import Any

from msgspec import Struct

from providers.erasure.fences import FenceList
from providers.journal.sqlite.connection import JournalConnection
from providers.journal.sqlite.operations_table import to_entry
from providers.replica import Replica
from providers.search.user_index import UserIndex
from providers.states.clock import HybridClock
from providers.states.merging import merged
from providers.types import Snapshot

Held = Mapping[str, Snapshot]  # by the id of the memory
Copy = dict[str, Any]


async def held_by(store: Replica) -> Held:
    """Return what a store holds."""
    return {state.id: state for owner in await store.owners() for state in await store.snapshots(owner)}


def known_to(connection: JournalConnection) -> Held:
    """Return what a journal retains."""
    rows = connection.rows(f"SELECT {connection.operations.entry} FROM operations AS o")  # noqa: S608 - names of columns
    return {entry.state.id: entry.state for entry in map(to_entry, rows)}


def all_of(inventories: Iterable[Held]) -> Held:
    """Return the states that follow from all of these together."""
    found: dict[str, list[Snapshot]] = {}
    for inventory in inventories:
        for memory_id, state in inventory.items():
            found.setdefault(memory_id, []).append(state)
    return {memory_id: reduce(merged, states) for memory_id, states in found.items()}


def lacks(held: Held, wanted: Held) -> set[str]:
    """Return the memories of which something is missing; a memory that is not there needs no tombstone to be hidden."""
    return {
        memory_id
        for memory_id, state in wanted.items()
        if (not state.deleted if memory_id not in held else not _is_as_new(held[memory_id], state))
    }


def copy_of(store: Replica) -> Copy:
    """Return all that a store holds; its clock is no part of that."""
    return {name: _copied(value) for name, value in vars(store).items() if name != "_clock"}


def put_back(store: Replica, copy: Copy) -> None:
    """Let a store hold what it held when the copy was taken, and nothing else."""
    vars(store).update((name, _copied(value)) for name, value in copy.items())


def copy_of_journal(connection: JournalConnection) -> sqlite3.Connection:
    """Return a copy of a journal's database."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    connection.raw.backup(copy)
    return copy


def _is_as_new(held: Snapshot, wanted: Snapshot) -> bool:
    return held.deleted or (not wanted.deleted and held.version >= wanted.version)


def _copied(value: Any) -> Any:  # noqa: ANN401 - whatever a store holds
    """Copy what can change; states and records never do, and a store's parts share its clock."""
    match value:
        case dict():
            twin = copy(value)
            twin.update((key, _copied(one)) for key, one in value.items())
            return twin
        case list():
            return [_copied(one) for one in value]
        case set():
            return set(value)
        case Struct() if not value.__struct_config__.frozen:
            return type(value)(*(_copied(getattr(value, name)) for name in value.__struct_fields__))
        case UserIndex() | FenceList():
            return deepcopy(value)
        case Struct() | HybridClock() | str() | int() | float() | datetime() | tuple() | None:
            return value
        case _:
            raise TypeError(f"it is not known how to copy {value!r}")
