"""The checker: holds what the clients of a run saw against the promises."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from providers.chain.execution import RESTORED
from tests.simulation.breach import Breach
from tests.simulation.events import Ending, Event, Seen
from tests.simulation.script import JOURNAL, Act


def unknowable_clashes(
    events: Sequence[Event], kept: float, refused: AbstractSet[str], breaches: Sequence[Breach] = ()
) -> frozenset[str]:
    """Return the memories whose key was used again for another content when nobody who knew it could be asked.

    The journal had forgotten it, `kept` seconds later, or in a breach, and no provider answered that knew it. Such a
    write ends as a dead letter: `refused` are the memories that have one.
    """
    first: dict[str, Event] = {}
    found = set()
    for event in sorted(events, key=lambda event: event.ended):
        if event.act is not Act.REMEMBER or event.memory is None:
            continue
        known = first.get(event.memory)
        if known is None:
            if event.acknowledged:
                first[event.memory] = event
            continue
        empty = any(_answered_in(event, breach) for breach in breaches)
        believed = event.memory in refused or (event.acknowledged and (event.degraded or empty))
        forgotten = event.ended > known.ended + kept or any(
            event.started >= breach.at and event.memory not in breach.known for breach in breaches
        )
        if believed and known.content != event.content and forgotten:
            found.add(event.memory)
    return frozenset(found)


def _answered_in(event: Event, breach: Breach) -> bool:
    """Return whether a store answered that had changed by then, which was not noticed yet."""
    noticed = float("inf") if breach.noticed is None else breach.noticed
    return event.provider in breach.names and event.ended >= breach.at and event.started <= noticed


def written_in(events: Iterable[Event]) -> AbstractSet[tuple[str, str | None]]:
    """Return the users of these events with what they have written."""
    return {(event.user, event.content) for event in events if event.act in _WRITES}


def broken_promises(
    events: Sequence[Event],
    kept: float = float("inf"),
    forgotten_after: float = float("inf"),
    unknowable: AbstractSet[str] = frozenset(),
    written: AbstractSet[tuple[str, str | None]] | None = None,
) -> list[str]:
    """Return every promise that the history breaks, in words.

    The journal remembers for `kept` seconds. Seconds `forgotten_after` a deletion nobody knows of it any more, if a
    store keeps no tombstones: then the same key may store again. `unknowable` are the memories for which see above, and
    `written` is what users have ever written, if that is more than these events tell.
    """
    histories: dict[str | None, _History] = {
        memory: _History(memory, events, kept, forgotten_after)
        for memory in dict.fromkeys(event.memory for event in events)
        if memory is not None and memory not in unknowable
    }
    written = written_in(events) if written is None else written
    return [
        *(complaint for event in events for complaint in _told(event)),
        *(complaint for history in histories.values() for complaint in history.put_twice()),
        *(complaint for event in events if event.act in _READS for complaint in _read(event, histories.values())),
        *(complaint for event in events for complaint in _shown(event, written)),
        *(complaint for event in events for complaint in _stored(event, histories)),
        *(complaint for event in events for complaint in _answer(event, histories)),
        *(f"no answer after all faults have ended: {event}" for event in events if event.final and _open(event)),
    ]


_READS = (Act.GET, Act.LIST, Act.RECALL)
_WRITES = (Act.REMEMBER, Act.UPDATE, Act.PUT)
_EDITS = (Act.UPDATE, Act.TAG)


class _History:
    """Everything that was done to one memory."""

    def __init__(self, memory: str, events: Iterable[Event], kept: float, forgotten_after: float) -> None:
        mine = [event for event in events if event.memory == memory]
        self.memory = memory
        self.user = mine[0].user
        self.remembered = [event for event in mine if event.act is Act.REMEMBER]
        self.edits = [event for event in mine if event.act in _EDITS]
        self.deletions = [event for event in mine if event.act is Act.DELETE]
        # Who deletes everything deletes what is there, and leaves no word against what comes afterwards.
        self.deletions += [
            event
            for event in events
            if event.act is Act.CLEAR
            and event.user == self.user
            and any(other.started < event.ended for other in self.remembered)
        ]
        self.expires = next((event.expires for event in self.remembered if event.expires is not None), float("inf"))
        self._kept = kept
        self._forgotten_after = forgotten_after

    def put_twice(self) -> list[str]:
        """Return whether two different contents were acknowledged under one key."""
        contents = {event.content for event in self.remembered if event.acknowledged and not self._is_late(event)}
        return [f"stored {sorted(map(str, contents))} under one key"] if len(contents) > 1 else []

    def must_be_there(self, event: Event) -> bool:
        """Return whether it was acknowledged before the event, and no other try to delete it began before the end.

        By no clock of those who were asked it has expired by then.
        """
        if self.expires <= event.ended + max(event.skews):
            return False
        return any(other.acknowledged and other.ended <= event.started for other in self.remembered) and not any(
            other.started < event.ended for other in self.deletions if other is not event
        )

    def must_be_gone(self, read: Event) -> bool:
        """Return whether a deletion of it was acknowledged before the read began, even one that found nothing.

        Or it had expired by all clocks of those who were asked.
        """
        if self.expires <= read.started + min(read.skews):
            return True
        if self._stored_late() or not any(self._binds(one, self.remembered) for one in self._deletions_before(read)):
            return False
        return read.final or not any(
            self._taken_for_new(event) and event.started < read.ended for event in self.remembered
        )

    def stored_again(self, remembered: Event) -> bool:
        """Return whether an acknowledged write stored what had been deleted before it began."""
        if not remembered.acknowledged or self._is_late(remembered) or self._taken_for_new(remembered):
            return False
        return any(self._binds(deletion, [remembered]) for deletion in self._deletions_before(remembered))

    def _binds(self, deletion: Event, remembered: Iterable[Event]) -> bool:
        """Return whether a deletion keeps the memory from being stored by all of these for ever, or as long as it must.

        What is deleted although it never was is kept in mind for as long as an earlier write may still be under way.
        """
        found = deletion.ending is Ending.DONE
        return found or all(event.ended <= deletion.started + self._kept for event in remembered)

    def _taken_for_new(self, remembered: Event) -> bool:
        """Return whether only the journal could be asked, which had forgotten by then what was deleted.

        What it accepts is older than the deletion, and comes to nothing as soon as somebody knows of that.
        """
        alone = remembered.ending is Ending.UNKNOWN or (remembered.degraded and remembered.provider == JOURNAL)
        before = self._deletions_before(remembered)
        found = min((deletion.ended for deletion in before if deletion.ending is Ending.DONE), default=float("inf"))
        # What was deleted before a deletion began was told so by the tombstone, and is kept in mind no longer for that.
        deletions = [one for one in before if one.ending is Ending.DONE or one.started < found]
        return (
            alone and bool(deletions) and all(remembered.ended > deletion.ended + self._kept for deletion in deletions)
        )

    def answered_otherwise(self, repeated: Event) -> bool:
        """Return whether a deletion that was repeated soon, while no client stored the memory, got another answer."""
        first = repeated.first
        if first is None or repeated.ending in (first.ending, Ending.UNKNOWN):
            return False
        return repeated.ended <= first.started + self._kept and all(
            other.ended < first.started or other.started > repeated.ended for other in self.remembered
        )

    def may_be_forgotten(self, deletion: Event) -> bool:
        """Return whether a deletion lasted so long that its own first try may be forgotten at its last."""
        return deletion.ended - deletion.started > self._forgotten_after

    def _deletions_before(self, event: Event) -> list[Event]:
        return [
            deletion
            for deletion in self.deletions
            if deletion.ending in (Ending.DONE, Ending.ABSENT)
            and deletion.ended <= event.started
            and (deletion.act is Act.DELETE or self._was_there(deletion))
        ]

    def _was_there(self, clearing: Event) -> bool:
        if any(one.at_one and one.started < clearing.ended for one in self.deletions):
            return False  # the store that answered may be the one that has it no more
        return any(other.acknowledged and other.ended <= clearing.started for other in self.remembered)

    def _stored_late(self) -> bool:
        return any(self._is_late(event) for event in self.remembered)

    def _is_late(self, remembered: Event) -> bool:
        """Return whether nobody may know any more that the memory was deleted."""
        # A deletion that is repeated is remembered no longer than the first.
        first = min((deletion.started for deletion in self.deletions), default=float("inf"))
        return remembered.ended > first + self._forgotten_after

    def may_show(self, seen: Seen, read: Event) -> bool:
        """Return whether content and tag are those of writes that were not surely overwritten before the read began."""
        if self._stored_late():
            return True  # it began anew
        return self._may_be(lambda event: event.content == seen.content, Act.UPDATE, read) and self._may_be(
            lambda event: event.tag == seen.tag, Act.TAG, read
        )

    def _may_be(self, is_it: Callable[[Event], bool], edit: Act, read: Event) -> bool:
        edits = [event for event in self.edits if event.act is edit]
        candidates = [
            event
            for event in (*self.remembered, *edits)
            if is_it(event) and event.started < read.ended and event.ending is not Ending.CONFLICT
        ]
        return any(not _overwritten(event, edits, read) for event in candidates)


def _overwritten(write: Event, edits: Iterable[Event], read: Event) -> bool:
    # A memory is put once, so every edit comes after that, and a repetition does not bring the beginning back.
    # An edit without an answer may still be under way.
    if write.act in _EDITS and write.ending is Ending.UNKNOWN:
        return False
    ended = write.ended if write.act in _EDITS else float("-inf")
    return any(
        other.acknowledged and other.started >= ended and other.ended <= read.started
        for other in edits
        if other is not write
    )


def _read(read: Event, histories: Iterable[_History]) -> list[str]:
    if read.ending not in (Ending.DONE, Ending.ABSENT):
        return []
    shown = {seen.memory_id: seen for seen in read.seen}
    complaints = []
    for history in histories:
        if history.user != read.user or (read.act is Act.GET and history.memory != read.memory):
            continue
        if history.memory in shown:
            if not read.eventual and history.must_be_gone(read):
                complaints.append(f"shows the deleted {history.memory}: {read}")
            if not (read.eventual or _unjudged(read)) and not history.may_show(shown[history.memory], read):
                complaints.append(f"shows an old or foreign content of {history.memory}: {read}")
        elif not read.eventual and _asked_for(read, history) and history.must_be_there(read):
            complaints.append(f"does not show {history.memory}, which is there: {read}")
        elif read.eventual and _calls_absent(read) and history.must_be_there(read):
            complaints.append(f"calls {history.memory} absent without knowing: {read}")
    return complaints


def _calls_absent(event: Event) -> bool:
    """Return whether an answer claims that there is no such memory; who was rolled back tells of itself alone."""
    return event.ending is Ending.ABSENT and RESTORED not in event.reasons


def _unjudged(read: Event) -> bool:
    # While no provider answers, the journal may know of no more than a first write that was repeated.
    return read.provider == JOURNAL and read.degraded


def _asked_for(read: Event, history: _History) -> bool:
    return read.act is not Act.RECALL or any(
        event.content is not None and read.query in event.content.split() for event in history.remembered
    )


def _shown(event: Event, written: AbstractSet[tuple[str, str | None]]) -> list[str]:
    complaints = []
    ids = [seen.memory_id for seen in event.seen]
    marks = [seen.content.split()[0] for seen in event.seen]
    # A page that may be out of date does not know of what was put under the key of a memory on the page before.
    if len(set(ids)) < len(ids) or (len(set(marks)) < len(marks) and not event.eventual):
        complaints.append(f"shows one memory twice: {event}")
    if any((event.user, seen.content) not in written for seen in event.seen):
        complaints.append(f"shows what this user never wrote: {event}")
    return complaints


def _told(event: Event) -> list[str]:
    complaints = []
    if event.ending is Ending.DONE and event.provider is None:
        complaints.append(f"does not tell who answered: {event}")
    elif event.ending is Ending.DONE and event.provider not in (*event.homes, JOURNAL) and not event.degraded:
        complaints.append(f"does not tell that it is degraded: {event}")
    if event.final and event.eventual:
        complaints.append(f"is not sure after all faults have ended: {event}")
    # What nobody could judge hides nothing that the journal knows, and so nothing of the session.
    told = event.unverified or RESTORED in event.reasons
    if event.session and event.eventual and not told and event.ending is not Ending.UNKNOWN:
        complaints.append(f"does not heed the session: {event}")
    return complaints


def _stored(event: Event, histories: Mapping[str | None, _History]) -> list[str]:
    history = histories.get(event.memory)
    if history is None or event.act is not Act.REMEMBER or not history.stored_again(event):
        return []
    return [f"stores what was deleted: {event}"]


def _answer(event: Event, histories: Mapping[str | None, _History]) -> list[str]:
    history = histories.get(event.memory)
    if history is None:
        return []
    if event.ending is Ending.CONFLICT and not any(other.clash for other in history.remembered):
        return [f"a conflict without another content: {event}"]
    if history.answered_otherwise(event):
        return [f"does not answer as the first did: {event}"]
    deletion_began = any(other.started < event.ended for other in history.deletions if other is not event)
    if event.ending is Ending.ABSENT and not deletion_began:
        if _calls_absent(event) and history.must_be_there(event) and not history.may_be_forgotten(event):
            return [f"calls {history.memory} absent, which is there: {event}"]
        if event.act is Act.REMEMBER and history.expires > event.ended:
            return [f"calls {history.memory} deleted, which nobody did: {event}"]
    return []


def _open(event: Event) -> bool:
    return event.ending is Ending.UNKNOWN
