"""The place of the journal's file: what is open must be what its path names, or everything written to it is lost."""

import os
from pathlib import Path

import structlog

from providers.journal.base import JournalUnavailable

_log = structlog.get_logger(__name__)

Identity = tuple[int, int]  # the device and the inode


class FilePlace:
    """Compare the file that is open with the one at its path, at the price of one call of the system."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened = self._found()
        self._told: str | None = None

    @property
    def trouble(self) -> str | None:
        """Why nothing may be accepted, None if the file is where it was."""
        trouble = self._compared()
        if trouble not in {None, self._told}:
            _log.error("journal_file_lost", path=str(self._path), reason=trouble)
        self._told = trouble
        return trouble

    def check(self, *, ambiguous: bool = False) -> None:
        """Refuse to go on with a file that nobody will find again.

        Raises:
            JournalUnavailable: the path names no file or another one.
        """
        trouble = self.trouble
        if trouble is not None:
            raise JournalUnavailable(trouble, ambiguous=ambiguous)

    def _compared(self) -> str | None:
        found = self._found()
        if found == self._opened and found is not None:
            return None
        happened = "is gone" if found is None else "has been replaced by another one"
        return f"journal {self._path}: the file that this service has open {happened}: restart the service"

    def _found(self) -> Identity | None:
        try:
            found = os.stat(self._path)  # noqa: PTH116 - before and after every write: a third of the time of Path.stat
        except OSError:
            return None
        return found.st_dev, found.st_ino
