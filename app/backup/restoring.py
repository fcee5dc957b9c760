"""Restoring a backup to an empty data folder, as one that the journal and the service know to be a restore."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from msgspec import Struct

from app.auth.kept_file import write_whole
from app.backup.contents import JOURNAL, copy_in, journal_file, server_in, small_files
from app.backup.errors import BackupError
from app.backup.files import copy_file
from app.backup.manifest import Manifest
from app.backup.verifying import verified
from app.process.service_file import urls_of_service
from app.settings import Settings
from providers.chain.stores.restoring import distrust_all
from providers.journal.sqlite.copying import check_journal
from providers.journal.sqlite.opening import open_journal
from providers.native.embedded.base_backup import put_in_place, unpack_server
from providers.native.embedded.folder import synced


class Restored(Struct, frozen=True, kw_only=True):
    """What a restore has done: the backup's manifest, and the files outside of the data folder that stayed."""

    manifest: Manifest
    kept: list[Path]


def restore_backup(settings: Settings, backup: Path, told: Callable[[str], None]) -> Restored:
    """Restore a backup to the data folder of these settings, after it was verified; `told` receives each step.

    What lies outside of the data folder and is still there is newer than the backup, and stays. If a step fails, the
    data folder is empty again.

    Raises:
        BackupError: the backup cannot be used, or not with these settings, or something is where it would go.
        EmbeddedServerError: a server's folder cannot be used.
        JournalUnavailable: the journal cannot be written.
        OSError: there is no room, or something cannot be written.
    """
    _refuse_occupied(settings)
    told("verifying the backup")
    manifest = verified(backup)
    _refuse_other_settings(settings, manifest)
    kept = _kept_outside(settings, manifest)
    made = not settings.data_dir.exists()
    try:
        _restored(settings, backup, manifest, kept, told)
    except BaseException:
        _emptied(settings.data_dir, made=made)
        raise
    return Restored(manifest=manifest, kept=kept)


def _refuse_occupied(settings: Settings) -> None:
    folder = settings.data_dir
    if (urls := urls_of_service(folder)) is not None:
        raise BackupError(f"a service runs on {folder}, at {urls.url}: stop it, and move the folder away")
    chosen = settings.journal.resolved()
    if chosen is not None and (left_open := chosen.left_open(folder)) is not None:
        raise BackupError(left_open)
    if os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise BackupError(f"{folder} is not empty: move it away, or restore to another --data-dir")


def _refuse_other_settings(settings: Settings, manifest: Manifest) -> None:
    """Refuse a backup that these settings would not use as a whole."""
    for name in manifest.servers:
        provider = settings.providers.get(name)
        if provider is None or not provider.embedded:
            raise BackupError(
                f"the backup holds an embedded server of {name}, and the configuration has none: use that of then"
            )
    if manifest.journal is not None and journal_file(settings) is None:
        raise BackupError("the backup holds a journal in a file, and the configuration has none: use that of then")


def _kept_outside(settings: Settings, manifest: Manifest) -> list[Path]:
    """Return the files of the backup whose places are outside of the data folder, and taken.

    Raises:
        BackupError: another journal is there.
    """
    journal = journal_file(settings)
    if journal is not None and journal.exists() and (found := check_journal(journal)) != manifest.journal:
        raise BackupError(f"{journal} is the journal {found}, and the backup is of {manifest.journal}: move it away")
    places = [one.place for one in small_files(settings) if one.name in manifest.files]
    return [place for place in [*places, *([journal] if journal is not None else [])] if place.exists()]


def _restored(
    settings: Settings, backup: Path, manifest: Manifest, kept: list[Path], told: Callable[[str], None]
) -> None:
    """Put everything in place, the journal last: without it no store is taken for one that has everything."""
    for name in manifest.servers:
        told(f"restoring the embedded server of {name}")
        unpack_server(copy_in(backup, name), server_in(settings, name))
    os.sync()
    for name in manifest.servers:
        put_in_place(server_in(settings, name))
    for one in small_files(settings):
        if one.name in manifest.files and one.place not in kept:
            write_whole(one.place, (backup / one.name).read_bytes())
    journal = journal_file(settings)
    if manifest.journal is not None and journal is not None and journal not in kept:
        told("restoring the journal")
        _restore_journal(backup / JOURNAL, journal)


def _restore_journal(copied: Path, place: Path) -> None:
    """Put a journal in its place that believes no store."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = place.with_name(f"{place.name}.{uuid4()}")
    try:
        copy_file(copied, draft)
        asyncio.run(_distrusting(draft))
        draft.rename(place)
        synced(place.parent)
    finally:
        for suffix in ("", "-wal", "-shm"):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)


async def _distrusting(journal: Path) -> None:
    async with open_journal(journal, time.time) as opened:
        await distrust_all(opened)


def _emptied(folder: Path, *, made: bool) -> None:
    if made:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
