"""How an extraction can end, and what it has stored."""

from collections.abc import Sequence

from msgspec import Struct

from providers.embedders.base import MISCONFIGURED, OUT_OF_QUOTA, REJECTED, THROTTLED, TIMEOUT, UNAVAILABLE

OK = "ok"
REPEATED = "repeated"  # an earlier request with the same key had its facts stored
UNREADABLE = "unreadable"  # the model's answer is no list of facts
NOT_STORED = "not_stored"  # the store has refused all facts, or does not answer
TOO_LARGE = "too_large"  # the messages are longer than the model is given
BUSY = "busy"  # too many others wait
FAILED = "failed"  # a bug, or the service has stopped

OUTCOMES = (
    OK,
    REPEATED,
    UNREADABLE,
    NOT_STORED,
    TOO_LARGE,
    BUSY,
    FAILED,
    *(UNAVAILABLE, TIMEOUT, THROTTLED, OUT_OF_QUOTA, MISCONFIGURED, REJECTED),
)

PENDING = "pending"  # it goes on, but the caller waits no longer


class StoredFact(Struct, frozen=True, kw_only=True):
    """A fact that is stored as a memory; `sources` are the ids of the memories that it was taken from."""

    id: str
    text: str
    sources: Sequence[str]


class Extraction(Struct, frozen=True):
    """How an extraction has ended: one of `OUTCOMES`, or `PENDING`."""

    outcome: str
    facts: Sequence[StoredFact] = ()
