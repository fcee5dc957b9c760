"""The outcomes of an append, and the error for each one that rejects the operation."""

from enum import StrEnum

from providers.errors import Conflict, MemoryDeleted, Rejected
from providers.journal.operations import OutOfDate


class AppendOutcome(StrEnum):
    """The verdict on one operation; the function in PostgreSQL returns these names."""

    APPENDED = "appended"
    REPEATED = "repeated"
    DELETED = "deleted"
    CONFLICT = "conflict"
    OUT_OF_DATE = "out_of_date"


def rejection(outcome: AppendOutcome, memory_id: str) -> Rejected | None:
    """Return the error for an operation on a memory, None if it is accepted."""
    match outcome:
        case AppendOutcome.DELETED:
            return MemoryDeleted(memory_id)
        case AppendOutcome.CONFLICT:
            return Conflict(memory_id)
        case AppendOutcome.OUT_OF_DATE:
            return OutOfDate(f"memory {memory_id} has a newer version")
        case _:
            return None
