"""States of memories as text, and rows as the values of a journal."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Row

from providers.journal.operations import Backlog, DeadLetter, Delivery, Entry, OperationKind, PendingDelivery
from providers.types import Snapshot

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Snapshot).decode


def to_text(state: Snapshot) -> str:
    """Write a state as JSON, its moments in UTC."""
    created_at, updated_at = _in_utc(state.created_at), _in_utc(state.updated_at)
    return _encode(replace(state, created_at=created_at, updated_at=updated_at)).decode()


def to_state(text: str) -> Snapshot:
    """Read what `to_text` wrote."""
    try:
        return _decode(text)
    except msgspec.ValidationError:
        # Its longest integer has 4,300 characters, a sign included; Python's own, and so our limit, 4,300 digits.
        return msgspec.convert(json.loads(text), Snapshot)


def to_entry(row: Row[Any]) -> Entry:
    """Read seq, kind, state, pending."""
    return Entry(seq=row.seq, kind=OperationKind(row.kind), state=to_state(row.state), pending=frozenset(row.pending))


def to_delivery(row: Row[Any]) -> Delivery:
    """Read seq, provider, kind, state, appended_at, until, failures, failed_at."""
    return Delivery(
        seq=row.seq,
        provider=row.provider,
        kind=OperationKind(row.kind),
        state=to_state(row.state),
        appended_at=row.appended_at,
        until=row.until,
        failures=row.failures,
        failed_at=row.failed_at,
    )


def to_dead_letter(row: Row[Any]) -> DeadLetter:
    """Read a column for each field."""
    return DeadLetter(
        seq=row.seq,
        provider=row.provider,
        kind=OperationKind(row.kind),
        user_id=row.user_id,
        memory_id=row.memory_id,
        error=row.error,
        failures=row.failures,
        appended_at=row.appended_at,
        failed_at=row.failed_at,
    )


def to_pending(row: Row[Any]) -> PendingDelivery:
    """Read a column for each field."""
    return PendingDelivery(
        seq=row.seq,
        provider=row.provider,
        kind=OperationKind(row.kind),
        user_id=row.user_id,
        memory_id=row.memory_id,
        error=row.error,
        failures=row.failures,
        appended_at=row.appended_at,
        due_at=row.due_at,
    )


def to_backlog(row: Row[Any]) -> Backlog:
    """Read name, pending, dead, oldest_seconds."""
    return Backlog(provider=row.name, pending=row.pending, dead=row.dead, oldest_seconds=max(row.oldest_seconds, 0.0))


def _in_utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)
