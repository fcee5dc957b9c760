"""The stamp of a file, which changes when the file is replaced or changed.

Polled rather than announced by the kernel: that works on every file system, also on those that a container mounts
from elsewhere.
"""

import os
from pathlib import Path

from msgspec import Struct


class Stamp(Struct, frozen=True, kw_only=True):
    """Hold what changes with a file: a swapped link changes what it resolves to, an editor's rename the inode."""

    resolved: str
    inode: int
    mtime_ns: int
    size: int


def stamp_of(path: Path) -> Stamp | None:
    """Return the stamp of a file, None while there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - one stat of the file, beside one of its name
    except OSError:
        return None
    return Stamp(resolved=os.path.realpath(path), inode=status.st_ino, mtime_ns=status.st_mtime_ns, size=status.st_size)
