"""What is served while something is lost."""

from enum import StrEnum

from msgspec import Struct


class Writes(StrEnum):
    """What becomes of a write now."""

    STORED = "stored"
    ACCEPTED = "accepted"  # durable in the journal, and delivered later
    REFUSED = "refused"


class Serving(Struct, frozen=True):
    """Which provider reads are answered by, None if by nobody for certain, and what becomes of writes."""

    reads: str | None
    writes: Writes
