"""The checker of keys: what a key was put to is got under it, until somebody puts or deletes under it again."""

from collections.abc import Iterable, Sequence

from tests.simulation.acting import KEYED
from tests.simulation.events import Ending, Event
from tests.simulation.script import Act


def broken_keys(events: Sequence[Event]) -> list[str]:
    """Return every answer by key that no order of what was done under the key explains."""
    keys = dict.fromkeys((event.user, event.query) for event in events if event.act in KEYED)
    return [complaint for user, key in keys for complaint in _broken(events, user, key)]


def _broken(events: Sequence[Event], user: str, key: str | None) -> list[str]:
    mine = [event for event in events if event.user == user and event.act in KEYED and event.query == key]
    puts = [event for event in mine if event.act is Act.PUT]
    ends = [event for event in mine if event.act is Act.DELETE_KEY]
    ends += [event for event in events if event.act is Act.CLEAR and event.user == user]
    complaints = [f"shows what nobody put, or no longer: {event}" for event in mine if _is_outdated(event, puts, ends)]
    refused = (Ending.ABSENT, Ending.CONFLICT)
    complaints += [f"does not take what is put: {put}" for put in puts if put.ending in refused]
    return complaints + [f"does not show what was put: {event}" for event in mine if _is_missed(event, puts, ends)]


def _is_outdated(read: Event, puts: Iterable[Event], ends: Iterable[Event]) -> bool:
    """Return whether a read shows nothing that may stand there: what was put, and not surely replaced or deleted.

    One that is marked as eventual may show what stood there before.
    """
    if read.act is not Act.GET_KEY or read.ending is not Ending.DONE:
        return False
    contents = {seen.content for seen in read.seen}
    shown = [put for put in puts if put.content in contents and put.started < read.ended]
    later = [] if read.eventual else [*puts, *ends]
    return not any(not _is_surely_before(put, later, read) for put in shown)


def _is_surely_before(put: Event, later: Iterable[Event], read: Event) -> bool:
    """Return whether another write has certainly followed a put before a read; one without an answer may land late."""
    return put.ending is not Ending.UNKNOWN and any(
        _is_certain(other) and other.started >= put.ended and other.ended <= read.started
        for other in later
        if other is not put
    )


def _is_certain(write: Event) -> bool:
    return write.ending is Ending.DONE or (write.act is Act.DELETE_KEY and write.ending is Ending.ABSENT)


def _is_missed(read: Event, puts: Iterable[Event], ends: Sequence[Event]) -> bool:
    """Return whether a key is called absent although something stands there that nobody can have deleted.

    A deletion that is tried again is told what an earlier try has deleted.
    """
    if read.act is Act.PUT or read.ending is not Ending.ABSENT:
        return False
    return any(
        put.acknowledged
        and put.ended <= read.started
        and not any(end is not read and end.ended >= put.started and end.started <= read.ended for end in ends)
        for put in puts
    )
