"""The folder in which the processes of a host save what was asked of them, for each other and across restarts."""

import fcntl
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import msgspec

from app.auth.kept_file import give_to_owner, make_folder, write_whole
from app.usage.totals import SavedCounts, added

FOLDER = "usage"
_COUNTS, _ALIVE = ".counts", ".alive"
_ENDED = "ended"
_LOCK = "lock"
_HOST, _TELLING = "host", "telling"
_MOST_NAMES = 1_000  # of processes that have ended: more than can be looked at while one is being retired

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SavedCounts).decode


class CountsFolder:
    """Hold the files of a host's processes: each writes its own, whose lock tells others that it lives."""

    def __init__(self, data_dir: Path, process: str) -> None:
        self.path, self._process = data_dir / FOLDER, process
        self._alive: int | None = None

    def enter(self) -> None:
        """Begin to live; raise `OSError` if the folder cannot be written."""
        make_folder(self.path)
        lock = self._locked(_LOCK, fcntl.LOCK_EX)  # while nobody looks who is dead
        try:
            self._alive = self._locked(f"{self._process}{_ALIVE}", fcntl.LOCK_EX)
        finally:
            os.close(lock)

    def leave(self) -> None:
        """End: from now on others may take over what was saved."""
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None

    def save(self, counts: SavedCounts) -> None:
        """Replace what this process has saved; raise `OSError` if it cannot be written."""
        self._replace(f"{self._process}{_COUNTS}", counts)

    def elsewhere(self) -> list[SavedCounts]:
        """Return what the others have saved, and the sum of those that have ended.

        Their files are read first: one that vanishes meanwhile is in the sum then, and is counted once.
        """
        others = {name: counts for name in self._others() if (counts := self._read(f"{name}{_COUNTS}")) is not None}
        ended = self._ended()
        return [ended, *(counts for name, counts in others.items() if name not in ended.of)]

    def retire(self) -> None:
        """Add what dead processes have saved to the sum, and remove their files.

        Nothing is counted twice, or not at all, wherever this is interrupted: the own file of one that is in the sum is
        not read any more. Raise `OSError` if the folder cannot be written.
        """
        try:
            lock = self._locked(_LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another process is at it
        try:
            if dead := [name for name in self._others() if not self._lives(name)]:
                self._add(dead)
        finally:
            os.close(lock)

    def host(self) -> str:
        """Return the name of this host among others, which is made by chance; raise `OSError` if it cannot be kept."""
        path = self.path / _HOST
        if not path.exists():
            write_whole(path, uuid4().hex.encode(), instead=False)
        return path.read_text("ascii")

    def turn_to_tell(self, pause: float) -> int | None:
        """Return an open file for as long as this process alone may tell other hosts the sums of this one.

        None while another process is at it, or less than `pause` seconds after one was. Raise `OSError` if the folder
        cannot be written.
        """
        path = self.path / _TELLING
        told_at = path.stat().st_mtime if path.exists() else 0.0
        if 0 <= time.time() - told_at < pause:
            return None
        try:
            turn = self._locked(_TELLING, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        os.utime(turn)
        return turn

    def _add(self, dead: Sequence[str]) -> None:
        ended = self._ended()
        new = [name for name in dead if name not in ended.of]
        saved = [counts for name in new if (counts := self._read(f"{name}{_COUNTS}")) is not None]
        total = added([ended, *saved], datetime.now(UTC))
        self._replace(_ENDED, msgspec.structs.replace(total, of=[*ended.of, *new][-_MOST_NAMES:]))
        for name in dead:
            for suffix in (_COUNTS, _ALIVE):
                (self.path / f"{name}{suffix}").unlink(missing_ok=True)

    def _others(self) -> list[str]:
        return sorted(file.stem for file in self.path.glob(f"*{_ALIVE}") if file.stem != self._process)

    def _lives(self, name: str) -> bool:
        try:
            os.close(self._locked(f"{name}{_ALIVE}", fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            return True
        return False

    def _locked(self, name: str, how: int) -> int:
        """Return an open file that holds a lock as long as it is open."""
        opened = os.open(self.path / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            give_to_owner(opened, self.path)
            fcntl.flock(opened, how)
        except BaseException:
            os.close(opened)
            raise
        return opened

    def _ended(self) -> SavedCounts:
        return self._read(_ENDED) or added([], datetime.now(UTC))

    def _read(self, name: str) -> SavedCounts | None:
        with suppress(OSError, msgspec.MsgspecError):  # lost or broken: it is counted anew
            return _decode((self.path / name).read_bytes())
        return None

    def _replace(self, name: str, counts: SavedCounts) -> None:
        # Not synced: what a power cut takes of the last seconds' counts is no promise.
        draft = self.path / f"{name}.{self._process}.draft"
        opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(opened, "wb") as file:
            give_to_owner(opened, self.path)
            file.write(_encode(counts))
        draft.replace(self.path / name)
