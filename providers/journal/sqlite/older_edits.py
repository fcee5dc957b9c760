"""The edits that the state of a memory has no room for any more, so that a late retry of one changes nothing."""

from collections.abc import Sequence

from providers.journal.operations import AppendOutcome, JournalEntry, Operation, OperationKind
from providers.journal.sqlite.connection import JournalConnection
from providers.states.editing import EDIT_KEY_CHARS


def judge(connection: JournalConnection, operation: Operation, known: JournalEntry) -> AppendOutcome | None:
    """Return the outcome of an edit that has the key of an older one of its memory, None if it has not."""
    if operation.edit_id is None or operation.kind is not OperationKind.UPDATE or known.state.deleted:
        return None
    key, digest = _parts(operation.edit_id)
    row = connection.row(
        "SELECT digest FROM older_edits WHERE user_id = ? AND memory_id = ? AND key = ?",
        (operation.state.user_id, operation.state.id, key),
    )
    if row is None:
        return None
    return AppendOutcome.REPEATED if row[0] == digest else AppendOutcome.CONFLICT


def note(connection: JournalConnection, operation: Operation, now: float) -> None:
    """Keep the older edits of a memory that is changed, and erase those of one that is deleted."""
    state = operation.state
    if operation.kind is OperationKind.DELETE:
        connection.run("DELETE FROM older_edits WHERE user_id = ? AND memory_id = ?", (state.user_id, state.id))
    elif operation.older_edits:
        connection.raw.executemany(
            "INSERT OR REPLACE INTO older_edits (user_id, memory_id, key, digest, noted_at) VALUES (?, ?, ?, ?, ?)",
            [(state.user_id, state.id, *_parts(edit_id), now) for edit_id in operation.older_edits],
        )


def drop_of(connection: JournalConnection, seqs: Sequence[int]) -> None:
    """Drop those of the memories of these operations."""
    connection.raw.executemany(
        """DELETE FROM older_edits WHERE (user_id, memory_id) = (
            SELECT o.user_id, o.memory_id FROM operations AS o WHERE o.seq = ?
        )""",
        [(seq,) for seq in seqs],
    )


def drop_old(connection: JournalConnection, seconds: float, limit: int) -> int:
    """Drop up to `limit` that were noted so long ago, and return their number."""
    return connection.run(
        """DELETE FROM older_edits WHERE (user_id, memory_id, key) IN (
            SELECT e.user_id, e.memory_id, e.key FROM older_edits AS e INDEXED BY older_edits_by_age
            WHERE e.noted_at <= ? ORDER BY e.noted_at LIMIT ?
        )""",
        (connection.clock.before(seconds), limit),
    )


def _parts(edit_id: str) -> tuple[str, str]:
    """Return the key of an edit and the digest of the change."""
    return edit_id[:EDIT_KEY_CHARS], edit_id[EDIT_KEY_CHARS:]
