"""When memories expire: hidden from that moment on by the clock of whoever reads, and erased later by others."""

from datetime import UTC, datetime
from typing import Protocol

# A moment at which nothing has expired: whoever reads as of then reads everything.
BEGINNING = datetime.min.replace(tzinfo=UTC)


class Mortal(Protocol):
    """Whatever may expire."""

    @property
    def expires_at(self) -> datetime | None:
        """The moment from which on it counts no more, None if there is none."""


def has_expired(one: Mortal, now: datetime) -> bool:
    """Return whether a memory has expired at a moment."""
    return one.expires_at is not None and one.expires_at <= now
