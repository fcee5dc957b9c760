"""What is served while a dependency is lost."""

from enum import StrEnum

from msgspec import Struct


class Writes(StrEnum):
    """The fate of a write now."""

    STORED = "stored"
    ACCEPTED = "accepted"  # durable in the journal, and delivered later
    REFUSED = "refused"


class Serving(Struct, frozen=True):
    """The provider that answers reads, None if none certainly does, and the fate of writes."""

    reads: str | None
    writes: Writes
