"""The source of a memory: who wrote its newest state, with which key, when, and what its text comes from."""

from datetime import datetime
from operator import attrgetter
from typing import Any, Literal, get_args

from msgspec import Struct

from providers.labels import Labels, given_labels_of

CallerOrigin = Literal["user", "assistant", "tool", "document"]  # what a caller may say of a text
Origin = Literal[CallerOrigin, "import"]
CALLER_ORIGINS: tuple[str, ...] = get_args(CallerOrigin)
ORIGINS: tuple[str, ...] = get_args(Origin)
DEFAULT_ORIGIN: CallerOrigin = "user"
IMPORTED = "import"  # the origin of what comes from elsewhere with its versions, said by the importer alone
ASKED = ("origin", "source_caller", "source_key")  # the names of conditions on sources
MAX_CALLER_CHARS = 255  # of the id of a caller, and of that of its key


class WriteSource(Struct, frozen=True, kw_only=True):
    """Name what the newest write of a memory comes from.

    `origin` is what its caller says of the text. `caller` is the id under which the service knows the caller, `key` the
    id of the key that was shown, and `at` the moment of the write by the service's own clock: what nobody has noted is
    None. A later version that notes more does so beside this, since former ones drop what they do not know in here.
    """

    origin: str = DEFAULT_ORIGIN
    caller: str | None = None
    key: str | None = None
    at: datetime | None = None


class WriterWindow(Struct, frozen=True, kw_only=True):
    """Name the writes of a key, of a caller, or of that caller by that key, from `since` on and before `until`.

    A source of theirs that has no moment is among them.
    """

    key: str | None = None
    caller: str | None = None
    since: datetime
    until: datetime | None = None

    @property
    def given(self) -> dict[str, str]:
        """The writer, by the names of the fields of a source."""
        return {name: value for name in ("key", "caller") if (value := getattr(self, name)) is not None}

    def admits(self, source: WriteSource | None) -> bool:
        """Return whether a source is one of these writes."""
        if source is None or any(getattr(source, name) != value for name, value in self.given.items()):
            return False
        return source.at is None or (self.since <= source.at and (self.until is None or source.at < self.until))


class Sourced(Labels, frozen=True, kw_only=True):
    """What a memory has beside its text, its metadata and its moments: labels, a key, and a source, if it is known."""

    source: WriteSource | None = None


class SourceConditions(Labels, frozen=True, kw_only=True):
    """What labels and source memories are to have, None where it is all the same; what was `hidden` does not count."""

    origin: str | None = None
    source_caller: str | None = None
    source_key: str | None = None
    hidden: tuple[WriterWindow, ...] = ()

    @property
    def given_labels(self) -> dict[str, Any]:
        """The labels that are asked for, and the key."""
        return given_labels_of(self)

    @property
    def given_source(self) -> dict[str, str]:
        """What is asked of the source, by the names of its fields."""
        if self.origin is None and self.source_caller is None and self.source_key is None:
            return {}
        asked = {"origin": self.origin, "caller": self.source_caller, "key": self.source_key}
        return {name: value for name, value in asked.items() if value is not None}

    def admits_source(self, source: WriteSource | None) -> bool:
        """Return whether a source is one that is asked for; a memory without one has none of it."""
        if self.hidden and any(writes.admits(source) for writes in self.hidden):
            return False
        asked = self.given_source.items()
        return not asked or (source is not None and all(getattr(source, name) == value for name, value in asked))


_ATTRIBUTES = Sourced.__struct_fields__
_values_of = attrgetter(*_ATTRIBUTES)


def attributes_of(value: Sourced) -> dict[str, Any]:
    """Return labels, key and source of a value by their names, None for what it has not."""
    return dict(zip(_ATTRIBUTES, _values_of(value), strict=True))
