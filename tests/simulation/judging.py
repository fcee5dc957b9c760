"""What the promises demand of a run in which something changed behind the chain's back."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from providers.types import Snapshot
from tests.simulation.breach import Breach
from tests.simulation.events import Ending, Event
from tests.simulation.links import RETENTION
from tests.simulation.script import Act

Check = Callable[[Sequence[Event]], list[str]]

_LATEST_LANDING = 4.0  # seconds by when a late write has landed
_EDITS = frozenset({Act.UPDATE, Act.TAG})
_READS = frozenset({Act.GET, Act.LIST, Act.RECALL})
_NEVER = float("inf")


def judged(events: Sequence[Event], breaches: Sequence[Breach], check: Check) -> list[str]:
    """Return every promise that the history breaks.

    Until a change was noticed the answers to reads count for nothing, nor does a deletion's word that there is nothing,
    or that of an edit when the journal has forgotten the memory, nor what was written on their ground. Where something
    was lost by nature, the history has three parts. Before the change everything counts. Until all is filled again an
    answer without a mark must be right as if nothing had been lost. After that what was left counts, and whatever
    happened since.
    """
    if not breaches:
        return check(events)
    [breach] = breaches
    noticed = _NEVER if breach.noticed is None else breach.noticed
    filled = _NEVER if breach.filled is None else breach.filled
    complete = _NEVER if breach.complete is None else breach.complete
    misled = _misled(events, breach, noticed)
    events = _without_misled(events, misled, breach, noticed)
    events = [
        _open(event) if (_tells(event) or _late(event, events)) and _overlaps(event, breach.at, noticed) else event
        for event in events
    ]
    if not breach.lost:
        return check(events)
    # What was left of a memory says nothing where what became of it does not count.
    breach = replace(breach, lost={memory: left for memory, left in breach.lost.items() if memory not in misled})
    return [
        *check([event for event in events if event.started < breach.at]),
        *check(_meanwhile(events, breach, filled, complete)),
        *check(
            [_open(event) if _is_read(event) and event.started < noticed else event for event in _cut(events, breach)]
        ),
    ]


def _misled(events: Sequence[Event], breach: Breach, noticed: float) -> set[str | None]:
    """Return the memories that were written meanwhile although the journal knew nothing of their past."""
    writes = [event for event in events if not _is_read(event) and event.memory is not None]
    before = {event.memory for event in writes if event.started < breach.at}
    meanwhile = {event.memory for event in writes if _overlaps(event, breach.at, noticed)}
    return {memory for memory in before & meanwhile if memory not in breach.known}


def _without_misled(
    events: Sequence[Event], misled: AbstractSet[str | None], breach: Breach, noticed: float
) -> list[Event]:
    return [
        _open(event) if event.act is Act.CLEAR and _overlaps(event, breach.at, noticed) else event
        for event in events
        if event.memory is None or event.memory not in misled
    ]


def _meanwhile(events: Sequence[Event], breach: Breach, filled: float, complete: float) -> list[Event]:
    written = {event.memory for event in events if not _is_read(event) and event.ended >= breach.at}
    return [
        event if _is_read(event) and event.started >= breach.at and event.ended <= filled else _unanswered(event)
        for event in events
        if event.started <= complete and not (event.memory in breach.lost and event.memory in written)
    ]


def _cut(events: Sequence[Event], breach: Breach) -> list[Event]:
    """Replace the history of what was lost by what was left of it.

    A write that lands late carries the whole state of its memory, and so brings back what earlier ones have done.
    """
    cut: list[Event] = []
    latest = breach.at - _LATEST_LANDING
    landing = {event.memory for event in events if latest < event.ended and event.started < breach.at}
    for event in events:
        if event.memory not in breach.lost or event.started >= breach.at:
            cut.append(event)
        elif event.memory in landing:
            cut.append(_open(event))
    for memory, left in breach.lost.items():
        if left is not None:
            first = {event.content for event in events if event.memory == memory and event.act is Act.REMEMBER}
            cut += _left(left, breach.at, first)
    return sorted(cut, key=lambda event: event.started)


def _left(state: Snapshot, at: float, first: set[str | None]) -> list[Event]:
    def event(act: Act, content: str | None = None, tag: str | None = None) -> Event:
        return Event(
            act=act,
            user=state.user_id,
            memory=state.id,
            content=content,
            tag=tag,
            started=at,
            ended=at,
            ending=Ending.DONE,
            provider="what was left",
            degraded=True,
        )

    if state.deleted:
        return [event(Act.DELETE)]
    tag = (state.metadata or {}).get("tag")
    begun = state.content if state.content in first else next(iter(sorted(map(str, first))), state.content)
    edits = [] if begun == state.content else [event(Act.UPDATE, content=state.content)]
    return [event(Act.REMEMBER, content=begun), *edits, *([] if tag is None else [event(Act.TAG, tag=tag)])]


def _unanswered(event: Event) -> Event:
    """Return a write whose refusal does not count, and a read that does not count at all."""
    if _is_read(event) or event.ending in (Ending.ABSENT, Ending.CONFLICT):
        return _open(event)
    return event


def _open(event: Event) -> Event:
    return event if event.final else replace(event, ending=Ending.UNKNOWN)


def _is_read(event: Event) -> bool:
    return event.act in _READS


def _tells(event: Event) -> bool:
    """Return whether the answer is about what there was."""
    return _is_read(event) or (event.act is Act.DELETE and event.ending is Ending.ABSENT)


def _late(edit: Event, events: Sequence[Event]) -> bool:
    """Return whether an edit found nothing because the journal had forgotten all that it had known of the memory."""
    since = edit.started - RETENTION.keep
    return (
        edit.act in _EDITS
        and edit.ending is Ending.ABSENT
        and not any(
            event.memory == edit.memory and not _is_read(event) and since < event.ended and event.started < edit.started
            for event in events
            if event is not edit
        )
    )


def _overlaps(event: Event, begin: float, end: float) -> bool:
    return event.ended >= begin and event.started <= end
