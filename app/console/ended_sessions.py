"""Sessions that were ended before their time: an empty file for each, which all processes of a data folder see."""

import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import structlog

FOLDER = "console-ended"
_KEPT_SECONDS = 24 * 3_600  # longer than any session lasts

_log = structlog.get_logger(__name__)


class EndedSessions:
    """Remember ended sessions by a hash of their number, until they would have ended anyway."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / FOLDER
        # Where the folder cannot be written, this process at least knows.
        self._here: set[str] = set()

    def holds(self, nonce: str) -> bool:
        """Return whether a session was ended."""
        name = _name_of(nonce)
        return name in self._here or (self._folder / name).exists()

    def add(self, nonce: str) -> None:
        """End a session."""
        name = _name_of(nonce)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._folder / name).touch(mode=0o600)
        except OSError as error:
            self._here.add(name)
            _log.warning("session_end_not_kept", folder=str(self._folder), reason=error.strerror)
        self._forget_old()

    def _forget_old(self) -> None:
        oldest = time.time() - _KEPT_SECONDS
        with suppress(OSError):
            for file in self._folder.iterdir():
                with suppress(OSError):  # another process was first
                    if file.stat().st_mtime < oldest:
                        file.unlink()


def _name_of(nonce: str) -> str:
    return sha256(nonce.encode()).hexdigest()
