"""The data folder: whether it can be written, and whether there is room."""

import os
import shutil
from pathlib import Path

from providers.examination.outcome import CheckOutcome, error, ok, warning

# The write-ahead log of an embedded server takes up to 1 GiB by itself (its max_wal_size), and the journal grows with
# every outage of a provider.
LEAST_FREE_BYTES = 2 * 1024**3

_GIB = 1024**3


def writable(folder: Path) -> CheckOutcome:
    """Check whether the folder can be written, or created; nothing is created to find out."""
    place = _place_of(folder)
    if not place.is_dir():
        return error(f"{place} is no folder", "set data_dir to a folder, or move that file away")
    # As the kernel sees it: also a read-only file system refuses, which the mode does not show.
    if not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
        advice = "run this as the user of the service; if it is that user, give it the folder, or set data_dir"
        return error(f"{place} cannot be written by user {os.geteuid()}", advice)
    if place != folder:
        return ok(f"{folder} is not there yet; the service makes it in {place}")
    return ok(str(folder))


def spacious(folder: Path, least: int = LEAST_FREE_BYTES) -> CheckOutcome:
    """Check whether at least so many bytes are free on its disk."""
    place = _place_of(folder)
    free = shutil.disk_usage(place).free
    found = f"{free / _GIB:.1f} GiB free on the disk of {place}"
    if free < least:
        return warning(f"{found}, less than {least / _GIB:.1f}", "free some: without room nothing can be remembered")
    return ok(found)


def _place_of(folder: Path) -> Path:
    """Return the folder itself, or its nearest existing parent."""
    return next(place for place in (folder, *folder.parents) if os.path.lexists(place))
