"""One memory as the browser shows it: its versions, and where each provider has it."""

from datetime import datetime

import msgspec
from msgspec import Struct

from providers.chain.comparing.places import MemoryPlace, MemoryPlaces, Standing
from providers.labels import labels_of
from providers.source import WriteSource
from providers.types import MOMENTS, MemoryRecord, Snapshot

# Longer texts are folded: their beginning is shown, and the rest is one click away.
FOLDED_CHARS = 2_000

WORDS = {
    Standing.PRESENT: "has it",
    Standing.TOMBSTONE: "knows that it was deleted",
    Standing.PENDING: "is about to receive it",
    Standing.UNFILLED: "is being filled, and lacks it so far",
    Standing.MISSING: "lacks it",
    Standing.OLDER: "has an older version",
    Standing.CONFLICTING: "has another text under the same version",
    Standing.UNDELETED: "still has a copy of what was deleted",
    Standing.UNRECORDED: "has neither the memory nor its tombstone",
    Standing.ABSENT: "has no such memory",
    Standing.UNKNOWN: "does not answer",
}
_GOOD = {Standing.PRESENT, Standing.TOMBSTONE}
_ON_ITS_WAY = {Standing.PENDING, Standing.UNFILLED}
_NEUTRAL = {Standing.ABSENT, Standing.UNRECORDED}


class PlaceView(Struct, frozen=True):
    """Show one provider's part: the `mood` of its badge, and in words what it has."""

    place: MemoryPlace
    mood: str
    words: str


class VersionView(Struct, frozen=True):
    """Show one version: when it was made, None of a tombstone, and what its text comes from.

    `version` is 0 where a store has none, and `source` None where nobody has noted it.
    """

    version: int
    at: datetime | None
    source: WriteSource | None
    current: bool


class MemoryView(Struct, frozen=True, kw_only=True):
    """Show one memory.

    `memory` is what readers are shown, None if that is nothing, and then `gone` says why. `versions` begin with the
    newest; `differs` is whether providers that answer hold different states that no delivery is about to end.
    """

    memory: MemoryRecord | None
    gone: str | None
    facts: list[tuple[str, str]]
    moments: list[tuple[str, datetime]]
    metadata: str | None
    versions: list[VersionView]
    places: list[PlaceView]
    differs: bool
    journal_error: str | None

    @property
    def folded(self) -> bool:
        """Whether the text is long."""
        return self.memory is not None and len(self.memory.content) > FOLDED_CHARS


def memory_view(memory: MemoryRecord | None, found: MemoryPlaces) -> MemoryView:
    """Return what is shown of a memory; `memory` is what readers are shown."""
    places = [_place(one) for one in found.places]
    return MemoryView(
        memory=memory,
        gone=_gone(found.wanted) if memory is None else None,
        facts=[] if memory is None else [(name, text) for name, text in labels_of(memory).items() if text is not None],
        moments=[] if memory is None else _moments(memory),
        metadata=None if memory is None or memory.metadata is None else _json(memory.metadata),
        versions=_versions(memory, found.wanted),
        places=places,
        differs=any(one.mood == "bad" and one.place.standing is not Standing.UNKNOWN for one in places),
        journal_error=found.journal_error,
    )


def _place(place: MemoryPlace) -> PlaceView:
    standing = place.standing
    if standing in _GOOD:
        mood = "good"
    elif standing in _ON_ITS_WAY:
        mood = "warn"
    else:
        mood = "plain" if standing in _NEUTRAL else "bad"
    return PlaceView(place, mood, WORDS[standing])


def _gone(wanted: Snapshot | None) -> str:
    if wanted is None:
        return "No provider that answers knows such a memory."
    if wanted.deleted:
        return "It was deleted, and its text is gone."
    return "Readers are not shown it: it has expired, or the provider that answers them lacks it."


def _moments(memory: MemoryRecord) -> list[tuple[str, datetime]]:
    named = ((name.removesuffix("_at"), getattr(memory, name)) for name in MOMENTS)
    return [(name, moment) for name, moment in named if moment is not None]


def _versions(memory: MemoryRecord | None, wanted: Snapshot | None) -> list[VersionView]:
    """Return the versions there are, the newest first: without a history that is the one that readers are shown."""
    if memory is None:
        return [] if wanted is None else [VersionView(wanted.version, None, None, current=True)]
    moments = dict(_moments(memory))
    return [VersionView(memory.version, moments.get("updated", moments["created"]), memory.source, current=True)]


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
