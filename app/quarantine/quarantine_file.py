"""The quarantines of a host, saved in the data folder for all its processes and across restarts."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from app.auth.kept_file import give_to_owner, write_whole
from app.reloading.stamps import Stamp, stamp_of
from providers.provenance.quarantines import Quarantines

FILE_NAME = "quarantines.json"


class QuarantineFileFault(Exception):
    """Signal that the file cannot be read or written, or holds something else."""


class QuarantineFile:
    """Read and change the file, which processes do one at a time; without one nothing is in quarantine."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / FILE_NAME

    def stamp(self) -> Stamp | None:
        """Return a stamp that changes with the file."""
        return stamp_of(self.path)

    def read(self) -> Quarantines:
        """Return what is in the file; raise `QuarantineFileFault` if it cannot be used."""
        try:
            return decoded(self.path.read_bytes())
        except FileNotFoundError:
            return Quarantines()
        except OSError as error:
            raise QuarantineFileFault(f"{self.path}: {error.strerror}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise QuarantineFileFault(f"{self.path}: no quarantines set by the API: {error}") from error

    def change(self, change: Callable[[Quarantines], Quarantines]) -> Quarantines:
        """Replace what is in the file by what `change` makes of it, on disk at the end, and return that.

        Raises:
            QuarantineFileFault: the file cannot be used.
        """
        with self._locked():
            former = self.read()
            changed = change(former)
            if changed != former:
                try:
                    write_whole(self.path, encoded(changed))
                except OSError as error:
                    raise QuarantineFileFault(f"{self.path}: {error.strerror}") from error
            return changed

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise QuarantineFileFault(f"{self.path}: {error.strerror}") from error
        try:
            give_to_owner(lock, self.path.parent)
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def encoded(quarantines: Quarantines) -> bytes:
    """Return quarantines as they are kept."""
    return msgspec.json.encode(quarantines)


def decoded(text: bytes | str) -> Quarantines:
    """Return the quarantines that were kept; raise `msgspec.MsgspecError` if these are none."""
    return msgspec.json.decode(text, type=Quarantines)
