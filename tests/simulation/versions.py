"""The checker of histories: what was acknowledged is in the history of every store, and the same everywhere."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from providers.replica import Replica
from providers.types import Snapshot
from tests.simulation.events import Event
from tests.simulation.script import Act, Script

Versions = Mapping[str, Sequence[Snapshot]]  # by the id of the memory, the newest one last

_WRITES = frozenset({Act.REMEMBER, Act.UPDATE})  # with a content of their own, to a memory of which the id is known


def judges(script: Script) -> bool:
    """Return whether every store of a run keeps history, and loses nothing by nature."""
    return not any(script.weak) and not script.upsets


async def versions_in(store: Replica) -> Versions:
    """Return all versions of the memories that live in a store, and any version of one that does not."""
    found: dict[str, list[Snapshot]] = {}
    for owner in await store.owners():
        for version in await store.superseded(owner):
            found.setdefault(version.id, []).append(version)
        for state in await store.snapshots(owner):
            if not state.deleted:
                found.setdefault(state.id, []).append(state)
    return found


def broken_histories(
    events: Sequence[Event], stores: Mapping[str, Versions], living: AbstractSet[str], unknowable: AbstractSet[str]
) -> list[str]:
    """Return what is wrong with the histories that the stores keep in the end of the memories that live.

    Of those that do not, nothing may be left. What was acknowledged of the `unknowable` may be lost, at every store.
    """
    complaints = [
        f"{name} keeps versions of the deleted {memory}: {[version.content for version in versions]}"
        for name, found in stores.items()
        for memory, versions in found.items()
        if memory not in living
    ]
    told = {
        name: {memory: _told(versions) for memory, versions in found.items() if memory in living}
        for name, found in stores.items()
    }
    [first, *others] = told
    complaints += [
        f"the histories of {first} and {other} differ: {_difference(told[first], told[other])}"
        for other in others
        if told[first] != told[other]
    ]
    return complaints + [
        f"the history in {name} lacks {event}"
        for name in told
        for event in _missed(events, told[name], living - unknowable)
    ]


def _told(versions: Iterable[Snapshot]) -> set[tuple[int, str | None]]:
    newest = max(versions, key=lambda state: (state.edited, state.version))
    return {(one.version, one.content) for one in versions if one.version <= newest.version}


def _difference(
    one: Mapping[str, set[tuple[int, str | None]]], other: Mapping[str, set[tuple[int, str | None]]]
) -> Mapping[str, set[tuple[int, str | None]]]:
    return {memory: one.get(memory, set()) ^ other.get(memory, set()) for memory in {*one, *other}}


def _missed(
    events: Iterable[Event], told: Mapping[str, set[tuple[int, str | None]]], known: AbstractSet[str]
) -> list[Event]:
    return [
        event
        for event in events
        if event.act in _WRITES
        and event.acknowledged
        and event.memory in known
        and event.content not in {content for _, content in told.get(event.memory or "", ())}
    ]
