"""The folder in which workers save their figures, and the figures of workers that have ended."""

import fcntl
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from observability.workers.figures import Figures, decode, encode
from observability.workers.merging import is_counted, merged

SOCKET = ".socket"
_FIGURES = ".figures"
_DEPARTED = "departed"
_LOCK = "lock"
_MOST_NAMES = 100  # of the departed: more than can be asked while one is being retired


class SavedFigures(Struct, frozen=True):
    """Hold the saved figures by the name of a worker, and those of all departed workers."""

    of: dict[str, Figures]
    departed: Figures


class Folder:
    """Hold the files of one service, written by its workers and read by the one that is scraped."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, worker: str, data: bytes) -> None:
        """Replace a worker's encoded figures, atomically."""
        _replace(self.path / f"{worker}{_FIGURES}", data)

    def others(self, worker: str) -> list[str]:
        """Return the names of all other workers that have ever listened, and are not departed."""
        return sorted(file.stem for file in self.path.glob(f"*{SOCKET}") if file.stem != worker)

    def saved(self, workers: Iterable[str]) -> SavedFigures:
        """Read what these workers have saved.

        Their files are read first: a worker whose file vanishes meanwhile is then departed, and counted once.
        """
        saved = {worker: figures for worker in workers if (figures := self._read(f"{worker}{_FIGURES}")) is not None}
        departed = self._departed()
        return SavedFigures(
            {worker: figures for worker, figures in saved.items() if worker not in departed.of}, departed
        )

    def retire(self, workers: Collection[str]) -> None:
        """Add the figures of dead workers to those of the departed, and remove their files.

        Nothing is counted twice or not at all, wherever this is interrupted: the own file of a departed worker is not
        read any more.
        """
        if not workers:
            return
        with (self.path / _LOCK).open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # another process is at it
            departed = self._departed()
            saved = [self._read(f"{worker}{_FIGURES}") for worker in workers if worker not in departed.of]
            families = merged([], [departed, *(figures for figures in saved if figures is not None)])
            names = [*departed.of, *(worker for worker in workers if worker not in departed.of)]
            _replace(self.path / _DEPARTED, encode(Figures(list(filter(is_counted, families)), names[-_MOST_NAMES:])))
            for worker in workers:
                for suffix in (_FIGURES, SOCKET):
                    (self.path / f"{worker}{suffix}").unlink(missing_ok=True)

    def _departed(self) -> Figures:
        return self._read(_DEPARTED) or Figures([])

    def _read(self, name: str) -> Figures | None:
        with suppress(OSError, msgspec.MsgspecError):
            return decode((self.path / name).read_bytes())
        return None


def _replace(file: Path, data: bytes) -> None:
    # Not synced: a power cut ends all workers, and all begin anew.
    draft = file.with_name(f"{file.name}.draft")
    draft.write_bytes(data)
    draft.replace(file)
