"""The comparison of one memory in several stores: a pure function from what they hold to what each one lacks."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from functools import reduce

from msgspec import Struct

from providers.states.merging import merged
from providers.types import Snapshot


class Fault(StrEnum):
    """The way in which a store differs from the merge of all states of a memory."""

    MISSING = "missing"  # it lacks a live memory
    OLDER = "older"  # it has an older version
    UNDELETED = "undeleted"  # it has a live copy of a memory that another store knows as deleted
    UNRECORDED = "unrecorded"  # it knows nothing of a memory that another store knows as deleted
    VERSION = "version"  # it lacks a superseded version of a memory, although it keeps history
    CONFLICTING = "conflicting"  # it has another text under the same version, which nothing of ours makes


class Difference(Struct, frozen=True):
    """One memory in which stores differ: the state that all should hold, and in what each one falls short of it."""

    wanted: Snapshot
    faults: Mapping[str, Fault]


def compare(
    held: Mapping[str, Snapshot | None], members: Collection[str], sources: Collection[str] = ()
) -> Difference | None:
    """Compare what stores hold of one memory; return None if the members among them agree.

    What `sources` hold counts as well, but not what they lack. Of the other stores, the witnesses, only tombstones
    count: a deletion wins wherever it is known, while a live memory of a stranger is nobody's.
    """
    heard = {*members, *sources}
    counted = [state for name, state in held.items() if state is not None and (state.deleted or name in heard)]
    if not counted:
        return None
    wanted = reduce(merged, counted)
    found = ((name, fault(state, wanted)) for name, state in held.items() if name in members)
    faults = {name: kind for name, kind in found if kind is not None}
    return Difference(wanted, faults) if faults else None


def fault(held: Snapshot | None, wanted: Snapshot) -> Fault | None:
    """Return in what a store that holds this state of a memory falls short of the wanted one, None if in nothing."""
    if wanted.deleted:
        if held is None:
            return Fault.UNRECORDED
        # Versions of tombstones may differ: they count for nothing but the order among tombstones.
        return None if held.deleted else Fault.UNDELETED
    if held is None:
        return Fault.MISSING
    if merged(held, wanted) is not held:
        return Fault.OLDER
    same_text = (held.content, held.metadata) == (wanted.content, wanted.metadata)
    return None if held.deleted or same_text or held.version != wanted.version else Fault.CONFLICTING
