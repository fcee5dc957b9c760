"""Superseded versions that come from elsewhere, kept as those that appends have replaced."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Row

from providers.errors import MemoryDeleted, OwnerErased, Rejected
from providers.journal.operations import KeptVersion
from providers.journal.postgres import superseding
from providers.journal.postgres.database import JournalDatabase
from providers.journal.postgres.statements import LOCK_ALONE
from providers.postgres.parts import in_parts, size_of
from providers.states.codec import encode
from providers.timing.turns import in_turns
from providers.types import Snapshot


class _PlacedVersion(Struct, frozen=True):
    """A version with its place in the call, and its text."""

    place: int
    state: Snapshot
    text: str


async def keep_versions(
    database: JournalDatabase, versions: Sequence[Snapshot], held: str | None, seconds: float
) -> list[KeptVersion | Rejected]:
    """Keep versions in one transaction; see `SupersededVersions.keep_versions`."""
    texts = await in_turns(encode, versions)
    placed = [_PlacedVersion(place, *pair) for place, pair in enumerate(zip(versions, texts, strict=True))]
    answers: dict[int, KeptVersion | Rejected] = {}
    async with database.transaction() as connection:
        await connection.execute(superseding.TO_DISK)
        await connection.execute(LOCK_ALONE)
        for part in in_parts(placed, lambda one: size_of((one.text,)), lambda one: one.place):
            values = _values(part) | {"held": held, "seconds": seconds}
            for one, row in zip(part, await connection.execute(superseding.KEEP, values), strict=True):
                answers[one.place] = _answer(one.state, row)
    return [answers[place] for place in range(len(versions))]


def _values(part: Sequence[_PlacedVersion]) -> dict[str, Any]:
    states = [one.state for one in part]
    return {
        "users": [state.user_id for state in states],
        "memories": [state.id for state in states],
        "versions": [state.version for state in states],
        "states": [one.text for one in part],
    }


def _answer(state: Snapshot, row: Row[Any]) -> KeptVersion | Rejected:
    if row.erased is not None:
        return OwnerErased(row.erased)
    if row.deleted:
        return MemoryDeleted(state.id)
    return KeptVersion(row.seq, frozenset(row.pending), found=row.found)
