"""The folder in which the workers of one running service find each other; removed with the service."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import BinaryIO

_PARENT = "workers"
_LOCK = "in-use"


@contextmanager
def workers_folder(data_dir: Path) -> Iterator[Path]:
    """Hold a new folder for as long as the context lasts, and remove those that killed services have left.

    Several services may share a data folder: each locks its own, and the kernel unlocks it when the service ends.

    Raises:
        OSError: nothing can be written there.
    """
    parent = data_dir / _PARENT
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (parent / _LOCK).open("wb") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)  # so that no service takes a folder for an orphan before it is locked
        for left in parent.glob("*/"):
            with suppress(OSError), (left / _LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left)
        folder = Path(mkdtemp(dir=parent))
        held = _locked(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        held.close()


def _locked(folder: Path) -> BinaryIO:
    lock = (folder / _LOCK).open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock
