"""A copy of an embedded server: two archives and PostgreSQL's own list of what must be in them."""

import hashlib
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from providers.native.embedded.binaries import wheel_binaries
from providers.native.embedded.cluster import DRAFT, OWNER
from providers.native.embedded.errors import BaseBackupDamaged, FolderUnusable, ServerFailed
from providers.native.embedded.folder import open_folder, private_folder, socket_folder, synced
from providers.native.embedded.os_user import OsUser, os_user_for, own_user
from providers.native.embedded.processes import end_of_output, run

_DATA, _WAL, _LIST = "base.tar.gz", "pg_wal.tar.gz", "backup_manifest"
FILES = (_DATA, _WAL, _LIST)

_CHECKED = "SHA256"
_CHUNK = 1024 * 1024


class _CopiedFile(Struct, frozen=True, rename={"path": "Path", "size": "Size", "checksum": "Checksum"}):
    size: int
    path: str = ""  # absent where the name is no UTF-8, as none of ours
    checksum: str = ""


class _List(Struct, frozen=True, rename={"files": "Files"}):
    files: list[_CopiedFile]


def copy_server(folder: Path, target: Path) -> None:
    """Copy the server in `folder`, which must be running, to the new folder `target`: its state when this returns.

    PostgreSQL compares the checksum of every page meanwhile; what has arrived is compared with its list.

    Raises:
        EmbeddedServerError: it does not answer, has a damaged page, or there is no room.
    """
    server: list[str | Path] = ["-h", socket_folder(folder.resolve()), "-p", "5432", "-U", OWNER, "-w"]
    # A checkpoint at once, and all that is written meanwhile beside it: the copy can be started by itself.
    form: list[str | Path] = ["-F", "tar", "--compress=client-gzip:1", "-X", "stream", "-c", "fast"]
    program = wheel_binaries() / "pg_basebackup"
    argv = [program, "-D", target, *form, f"--manifest-checksums={_CHECKED}", *server]
    status, output = run(argv, own_user(), cwd=target.parent)
    if status != 0:
        raise ServerFailed(f"PostgreSQL could not copy {folder}: {end_of_output(output)}")
    check_copy(target)


def check_copy(copied: Path) -> None:
    """Compare a copy with the list that PostgreSQL made of it.

    Raises:
        BaseBackupDamaged: it lacks something, or something in it is not as it was.
    """
    try:
        wanted = {one.path: one for one in msgspec.json.decode((copied / _LIST).read_bytes(), type=_List).files}
        found = dict(_sums(copied / _DATA))
        with tarfile.open(copied / _WAL, "r:gz") as archive:
            logs = sum(one.isfile() for one in archive)
    except (OSError, EOFError, tarfile.TarError, msgspec.MsgspecError) as error:
        raise BaseBackupDamaged(f"{copied} cannot be read: {error}") from error
    if not logs:
        raise BaseBackupDamaged(f"{copied / _WAL} is empty")
    for path, one in wanted.items():
        if found.get(path) != (one.size, one.checksum):
            reason = "is not as it was" if path in found else "is missing"
            raise BaseBackupDamaged(f"{path} in {copied / _DATA} {reason}")


def _sums(archive: Path) -> Iterator[tuple[str, tuple[int, str]]]:
    """Yield the size and the checksum of every file in an archive."""
    with tarfile.open(archive, "r:gz") as opened:
        for one in opened:
            content = opened.extractfile(one) if one.isfile() else None
            if content is not None:
                digest = hashlib.sha256()
                while chunk := content.read(_CHUNK):
                    digest.update(chunk)
                yield one.name.removeprefix("./"), (one.size, digest.hexdigest())


def unpack_server(copied: Path, folder: Path) -> None:
    """Unpack a copy beside the place of the data in `folder`, where no server takes it for one: see `put_in_place`.

    Raises:
        EmbeddedServerError: the folder cannot be used.
    """
    os_user = os_user_for(folder)
    try:
        open_folder(folder, os_user)
        fresh = folder / DRAFT
        private_folder(fresh, os_user)
        for archive, place in ((_DATA, fresh), (_WAL, fresh / "pg_wal")):
            with tarfile.open(copied / archive, "r:gz") as opened:
                opened.extractall(place, filter="data")
        for path in fresh.rglob("*"):
            _make_private(path, os_user)
    except (OSError, EOFError, tarfile.TarError) as error:
        raise FolderUnusable(f"{copied} cannot be unpacked in {folder}: {error}") from error


def put_in_place(folder: Path) -> None:
    """Make what was unpacked the data of the server."""
    (folder / DRAFT).rename(folder / "data")
    synced(folder)


def _make_private(path: Path, os_user: OsUser) -> None:
    path.chmod(0o700 if path.is_dir() else 0o600)
    if os_user.switched:
        os.chown(path, os_user.uid, os_user.gid)
