"""The processes that still work with a journal whose file is no longer the one at its path."""

import os
from collections.abc import Iterator
from pathlib import Path

_PROCESSES = Path("/proc")
_UNLINKED = " (deleted)"  # after the name of a file that a process has open, and that has no name any more
_SUFFIXES = ("", "-wal", "-shm")  # of the files of one database: the first may have been moved away alone

Identity = tuple[int, int]  # the device and the inode


def lost_with(path: Path) -> list[int]:
    """Return the ids of other processes of this host that have files of a journal open, but not the file at its path.

    The claims that such a process has made are in that file, where nobody else can see them. A process of another user,
    or in another container, is not seen.
    """
    there = _identity(path)
    names = {f"{path.resolve()}{suffix}" for suffix in _SUFFIXES}
    return sorted(
        process
        for process in _others()
        if (opened := dict(_opened(process))) and not names.isdisjoint(opened.values()) and there not in opened
    )


def _others() -> Iterator[int]:
    for entry in _PROCESSES.iterdir() if _PROCESSES.is_dir() else ():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            yield int(entry.name)


def _opened(process: int) -> Iterator[tuple[Identity | None, str]]:
    """Yield the files that a process has open, each with the name under which it was opened."""
    try:
        links = list((_PROCESSES / str(process) / "fd").iterdir())
    except OSError:
        return  # it has ended, or is another user's
    for link in links:
        try:
            name = str(link.readlink())
        except OSError:
            continue
        if name.startswith("/"):
            yield _identity(link), name.removesuffix(_UNLINKED)


def _identity(path: Path) -> Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
