"""Appending: concurrent calls become one statement in the database."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Row

from providers.errors import Rejected
from providers.group_commit import Combiner
from providers.journal.base import MAX_APPENDED, check_count
from providers.journal.codec import decode, encode
from providers.journal.operations import (
    Appended,
    AppendOutcome,
    JournalEntry,
    LeaseToken,
    Operation,
    OperationKind,
    rejection,
)
from providers.journal.postgres import statements
from providers.journal.postgres.database import JournalDatabase
from providers.timing.turns import in_turns

# A statement's duration grows with its operations, some 50 microseconds each; a larger call goes alone.
_COMBINED_UP_TO = 16  # operations in one call

_LANES = 2  # statements under way at once

Answers = list[Appended | Rejected]


class AppendCall(Struct, frozen=True):
    """The arguments of one call of `Journal.append`."""

    operations: Sequence[Operation]
    held: str | None
    seconds: float


class Appender:
    """Append operations, those of many calls in one statement and so in one transaction."""

    def __init__(self, database: JournalDatabase) -> None:
        self._database = database
        self._combiner: Combiner[AppendCall, Answers] = Combiner(self._store, _LANES)

    async def append(self, call: AppendCall) -> Answers:
        """Return an answer to each operation of a call; see `Journal.append`."""
        check_count("operations", len(call.operations), MAX_APPENDED)
        if not call.operations:
            return []
        if len(call.operations) > _COMBINED_UP_TO:
            [answers] = await self._store([call])
            return answers
        async with self._database.limited():
            return await self._combiner.put(call)

    async def close(self) -> None:
        """Wait for the statements under way."""
        await self._combiner.close()

    async def _store(self, calls: Sequence[AppendCall]) -> list[Answers]:
        flat = [(operation, call) for call in calls for operation in call.operations]
        states = [operation.state for operation, _ in flat]
        values = {
            "kinds": ["trace" if operation.trace else operation.kind.value for operation, _ in flat],
            "users": [state.user_id for state in states],
            "memories": [state.id for state in states],
            "versions": [state.version for state in states],
            "bases": [operation.base_version for operation, _ in flat],
            "digests": [state.digest for state in states],
            "states": await in_turns(encode, states),
            "helds": [call.held for _, call in flat],
            "seconds": [call.seconds for _, call in flat],
            "edits": [operation.edit_id for operation, _ in flat],
            "olders": [" ".join(operation.older_edits) or None for operation, _ in flat],
        }
        rows = await self._database.write(statements.APPEND, values)
        by_place = {row.place: row for row in rows}
        placed = enumerate(flat, 1)
        answers = iter(await in_turns(lambda place: _answer(place[1][0], by_place[place[0]]), placed))
        return [[next(answers) for _ in call.operations] for call in calls]


def _answer(operation: Operation, row: Row[Any]) -> Appended | Rejected:
    outcome, memory_id = AppendOutcome(row.outcome), operation.state.id
    rejected = rejection(outcome, memory_id)
    if rejected is not None:
        return rejected
    former = None if row.former is None else decode(row.former)
    repeated = outcome is AppendOutcome.REPEATED
    state = former if repeated and former is not None else operation.state
    entry = JournalEntry(
        seq=row.known_seq,
        kind=OperationKind(row.known_kind),
        state=state,
        pending=frozenset(row.pending),
        lease=None if row.until is None else LeaseToken(state.user_id, memory_id, row.until),
    )
    return Appended(entry=entry, repeated=repeated, former=former)
