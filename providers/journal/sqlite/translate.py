"""Translation of SQLite's errors into those of a journal."""

import sqlite3

from providers.journal.base import JournalUnavailable

_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_BUSY: "the file is locked by another process",
    sqlite3.SQLITE_LOCKED: "the file is locked by another process",
    sqlite3.SQLITE_READONLY: "the file cannot be written",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_NOTADB: "the file is damaged, or no database",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
}


def unavailable(error: sqlite3.Error, *, ambiguous: bool = False) -> JournalUnavailable:
    """Return the error that states why the journal cannot be used now."""
    # Errors of Python's own module, such as that of a closed connection, carry no code.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    reason = f"journal: {_REASONS[code]} ({error})" if code in _REASONS else f"journal: {error}"
    return JournalUnavailable(reason, ambiguous=ambiguous)
