"""Making a backup: stores first, then the journal, then the small files; complete under its name, or not there."""

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from app import __version__
from app.backup.contents import JOURNAL, copy_in, journal_file, outside_of, server_in, small_files
from app.backup.errors import BackupError
from app.backup.files import copy_file
from app.backup.manifest import Manifest, sums_in, write_manifest
from app.process.installation import Installation
from app.process.lost_journal import WAY_ON, lost_journal
from app.settings import Settings
from providers.journal.sqlite.copying import copy_journal
from providers.native.embedded.base_backup import copy_server
from providers.native.embedded.folder import synced
from providers.native.embedded.maintenance import ServerState, status_of

Server = Callable[[str], AbstractContextManager[None]]  # runs the embedded server of a provider meanwhile
Told = Callable[[str], None]


def take_backup(settings: Settings, target: Path, server: Server, now: Callable[[], datetime], told: Told) -> Manifest:
    """Back up a host to the new folder `target`, whether or not its service runs; `told` receives each step.

    The journal is copied last: whatever was delivered to a store after that store was copied is still in it, so that
    the journal delivers it again. The other way round the journal would know less than its stores, and the writes that
    no store had yet would be in neither.

    Raises:
        BackupError: the folder is there already, or cannot be one; or the journal is gone.
        EmbeddedServerError: a server cannot be copied.
        JournalUnavailable: the journal cannot be copied.
        Misconfigured: the installation's id cannot be read.
        OSError: there is no room, or the folder cannot be written.
    """
    target = _free(target, settings.data_dir)
    _refuse_lost_journal(settings)
    draft = target.with_name(f".{target.name}.{uuid4()}")
    draft.mkdir(mode=0o700)
    try:
        manifest = _filled(settings, draft, server, now, told)
        os.sync()
        if target.exists():
            target.rmdir()
        draft.rename(target)
        synced(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


def _free(target: Path, data_dir: Path) -> Path:
    target = target.resolve()
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise BackupError(f"{target} is there already: name a folder that is not")
    if target.is_relative_to(data_dir.resolve()):
        raise BackupError(f"{target} is inside the data folder, and would be lost with it: name a folder elsewhere")
    if not target.parent.is_dir():
        raise BackupError(f"{target.parent} is no folder: make it first")
    return target


def _filled(settings: Settings, draft: Path, server: Server, now: Callable[[], datetime], told: Told) -> Manifest:
    servers = _servers_of(settings)
    for folder in _strangers_in(settings):
        told(f"not in the backup: {folder}, the embedded server of a provider that this configuration does not name")
    for name in servers:
        told(f"copying the embedded server of {name}")
        with server(name):
            copy_server(server_in(settings, name), copy_in(draft, name))
    _refuse_lost_journal(settings)  # the copies of the servers may have taken hours
    journal, taken_at = journal_file(settings), now()
    journal_id = None
    if journal is not None and journal.exists():
        told("copying the journal")
        journal_id = copy_journal(journal, draft / JOURNAL)
    for one in small_files(settings):
        if one.place.exists():
            copy_file(one.place, draft / one.name)
    manifest = Manifest(
        version=__version__,
        taken_at=taken_at,
        installation=Installation.of(settings).id(),
        order=settings.order,
        servers=servers,
        journal=journal_id,
        outside=outside_of(settings),
        files=sums_in(draft),
    )
    if not manifest.files:
        raise BackupError(f"there is nothing to back up in {settings.data_dir}: no service has run there")
    write_manifest(draft, manifest)
    return manifest


def _refuse_lost_journal(settings: Settings) -> None:
    """Refuse a backup that would lack what was acknowledged and is in the journal alone."""
    lost = lost_journal(settings)
    if lost is not None:
        raise BackupError(f"{lost}; {WAY_ON}")


def _servers_of(settings: Settings) -> list[str]:
    """Return the providers whose embedded servers have run, those that are not in the order at the end."""
    embedded = [
        name for name in dict.fromkeys([*settings.order, *settings.providers]) if settings.providers[name].embedded
    ]
    return [name for name in embedded if status_of(server_in(settings, name)).state is not ServerState.ABSENT]


def _strangers_in(settings: Settings) -> list[Path]:
    """Return the folders of servers that the settings do not know, as where a variable of the service was forgotten."""
    known = {server_in(settings, name) for name, provider in settings.providers.items() if provider.embedded}
    others = sorted(set(settings.data_dir.glob("postgres*")) - known)
    return [folder for folder in others if status_of(folder).state is not ServerState.ABSENT]
