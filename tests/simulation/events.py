"""What the clients of a run did and saw."""

from enum import StrEnum

from msgspec import Struct

from tests.simulation.script import Act


class Ending(StrEnum):
    """How an act ended for its client."""

    DONE = "done"
    ABSENT = "absent"  # the memory was not found, or deleted
    CONFLICT = "conflict"
    LOST = "lost"  # the session is not known any more
    UNKNOWN = "unknown"  # an error that leaves everything open, or no answer at all


class Seen(Struct, frozen=True):
    """A memory as a read showed it."""

    memory_id: str
    content: str
    tag: str | None = None


class Event(Struct, frozen=True, kw_only=True):
    """One act with all of its tries, on one memory or one list.

    `content` and `tag` are what was written; a read's `seen` is what it gave, and `eventual` that the answer itself
    said that acknowledged writes may be missing, which with a `session` it must not. `homes` are those that were home
    at the beginning and at the end; `final` is a read after everything has settled. `first` is the deletion that this
    one repeats, and `reasons` are why an answer was degraded. A memory is written to be seen until it `expires`, and
    `skews` are by how many seconds the clocks of those were ahead who were asked. A deletion `at_one` store was asked
    of nobody else.
    """

    act: Act
    user: str
    memory: str | None
    content: str | None
    started: float
    ended: float
    ending: Ending
    tag: str | None = None
    clash: bool = False
    session: bool = False
    homes: tuple[str | None, ...] = ()
    query: str | None = None
    seen: tuple[Seen, ...] = ()
    eventual: bool = False
    unverified: bool = False
    provider: str | None = None
    degraded: bool = False
    reasons: tuple[str, ...] = ()
    final: bool = False
    expires: float | None = None
    skews: tuple[float, ...] = (0.0,)
    first: "Event | None" = None
    at_one: bool = False

    @property
    def tries(self) -> int:
        """How often it was asked for; each try is under the clock of the one who was asked."""
        return len(self.skews) - 1

    @property
    def acknowledged(self) -> bool:
        """Whether the client has the service's word for it."""
        return self.ending is Ending.DONE
