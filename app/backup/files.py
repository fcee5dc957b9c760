"""Copying a file for its owner alone."""

import os
import shutil
from pathlib import Path


def copy_file(source: Path, target: Path) -> None:
    """Copy a file to a new one with mode 0600, which is on disk at the end."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as copy, source.open("rb") as original:
        shutil.copyfileobj(original, copy)
        copy.flush()
        os.fsync(copy.fileno())
