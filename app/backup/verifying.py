"""Verifying a backup: every file as it was made, every server and the journal readable to the end."""

from pathlib import Path

from app.backup.contents import JOURNAL, copy_in
from app.backup.errors import BackupDamaged
from app.backup.manifest import FileSum, Manifest, read_manifest, sums_in
from providers.journal.base import JournalUnavailable
from providers.journal.sqlite.copying import check_journal
from providers.native.embedded import EmbeddedServerError
from providers.native.embedded.base_backup import check_copy


def verified(backup: Path) -> Manifest:
    """Read a backup from the first to the last byte, and return its manifest; nothing in it is changed.

    Raises:
        BackupError: it is none, was made by a newer version, or is damaged.
        OSError: it cannot be read.
    """
    manifest = read_manifest(backup)
    _compare(manifest.files, sums_in(backup))
    try:
        for name in manifest.servers:
            check_copy(copy_in(backup, name))
        if manifest.journal is not None and (found := check_journal(backup / JOURNAL)) != manifest.journal:
            raise BackupDamaged(f"{backup / JOURNAL} is the journal {found}, and not {manifest.journal}")
    except EmbeddedServerError as error:
        raise BackupDamaged(str(error)) from error
    except JournalUnavailable as error:
        raise BackupDamaged(error.reason) from error
    return manifest


def _compare(wanted: dict[str, FileSum], found: dict[str, FileSum]) -> None:
    faults = [f"{path} {_fault(found.get(path))}" for path, one in wanted.items() if found.get(path) != one]
    faults += [f"{path} does not belong to it" for path in found if path not in wanted]
    if faults:
        raise BackupDamaged(f"the backup is damaged: {', '.join(faults)}")


def _fault(found: FileSum | None) -> str:
    return "is missing" if found is None else "is not as it was"
