"""Appending: concurrent calls become one statement in the database."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Row

from providers.errors import OwnerErased, Rejected
from providers.group_commit import Combiner
from providers.journal.base import MAX_APPENDED, check_count
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
from providers.postgres.parts import in_parts, size_of
from providers.states.codec import decode, encode
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
        answers = await self._append(calls)
        again = [(place, one) for place, one in enumerate(zip(calls, answers, strict=True)) if None in one[1]]
        if again:
            # Some owner was erased, and nothing of the call was appended: now all but what that owner has written.
            rest = [_left(call, found) for _, (call, found) in again]
            for (place, (_, found)), late in zip(again, await self._store(rest), strict=True):
                answered = iter(late)
                answers[place] = [next(answered) if one is None else one for one in found]
        return [[one for one in found if one is not None] for found in answers]

    async def _append(self, calls: Sequence[AppendCall]) -> list[list[Appended | Rejected | None]]:
        """Append what calls ask for; an answer that is None stands for what was left."""
        flat = [(operation, call) for call in calls for operation in call.operations]
        texts = await in_turns(lambda pair: encode(pair[0].state), flat)
        placed = [_Placed(place, *pair, text) for place, (pair, text) in enumerate(zip(flat, texts, strict=True))]
        parts = in_parts(placed, lambda one: size_of((one.text,)), _key_of)
        rows = await self._database.write_parts(statements.APPEND, list(map(_values, parts)))
        # The function counts the places of each part from 1; its rows are in no order, but those of the parts are.
        answers: dict[int, Row[Any]] = {}
        rest = iter(rows)
        for part in parts:
            answers |= {part[row.place - 1].place: row for _, row in zip(part, rest, strict=False)}
        answered = iter(await in_turns(lambda one: _answer(one.operation, answers[one.place]), placed))
        return [[next(answered) for _ in call.operations] for call in calls]


class _Placed(Struct, frozen=True):
    """An operation with its place among those that are appended together, and the text of its state."""

    place: int
    operation: Operation
    call: AppendCall
    text: str


def _key_of(placed: _Placed) -> tuple[str, str]:
    return placed.operation.state.user_id, placed.operation.state.id


def _values(part: Sequence[_Placed]) -> dict[str, list[Any]]:
    operations = [one.operation for one in part]
    states = [operation.state for operation in operations]
    return {
        "kinds": ["trace" if operation.trace else operation.kind.value for operation in operations],
        "users": [state.user_id for state in states],
        "memories": [state.id for state in states],
        "versions": [state.version for state in states],
        "bases": [operation.base_version for operation in operations],
        "digests": [state.digest for state in states],
        "states": [one.text for one in part],
        "helds": [one.call.held for one in part],
        "seconds": [one.call.seconds for one in part],
        "edits": [operation.edit_id for operation in operations],
        "olders": [" ".join(operation.older_edits) or None for operation in operations],
    }


def _left(call: AppendCall, found: Sequence[Appended | Rejected | None]) -> AppendCall:
    left = [operation for operation, one in zip(call.operations, found, strict=True) if one is None]
    return AppendCall(left, call.held, call.seconds)


def _answer(operation: Operation, row: Row[Any]) -> Appended | Rejected | None:
    outcome, memory_id = AppendOutcome(row.outcome), operation.state.id
    if outcome is AppendOutcome.LEFT:
        return None
    if outcome is AppendOutcome.OWNER_ERASED:
        return OwnerErased(row.known_seq)
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
