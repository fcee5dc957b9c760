"""A copy of the journal's file as it is at one moment, while any number of processes go on with it."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from providers.journal.base import JournalUnavailable
from providers.journal.sqlite.opening import BUSY_SECONDS
from providers.journal.sqlite.schema import recognise


def copy_journal(file: Path, target: Path) -> str:
    """Copy a journal to a new file, complete and on disk at the end; return the journal's id.

    Raises:
        JournalUnavailable: it is no journal, cannot be read, or there is no room.
    """
    try:
        descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with closing(_opened(file, "mode=rw")) as source, closing(sqlite3.connect(target)) as copy:
                source.backup(copy)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise JournalUnavailable(f"{target}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise JournalUnavailable(f"the journal {file} cannot be copied: {error}") from error
    return check_journal(target)


def check_journal(copied: Path) -> str:
    """Read a copy from its first page to its last, and return the journal's id; nothing may write to it meanwhile.

    Raises:
        JournalUnavailable: it is no journal, or damaged.
    """
    try:
        # The log beside it, which a file of this mode would get otherwise, has no place in a backup.
        with closing(_opened(copied, "mode=ro&immutable=1")) as connection:
            journal_id = recognise(connection)
            [found] = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        raise JournalUnavailable(f"{copied}: {error}") from error
    except JournalUnavailable as error:
        raise JournalUnavailable(f"{copied}: {error.reason}") from error
    if found != "ok":
        raise JournalUnavailable(f"{copied}: {found}")
    return journal_id


def _opened(file: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(file.resolve()))}?{how}", uri=True, timeout=BUSY_SECONDS)
