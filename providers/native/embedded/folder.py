"""The server's folder: made private, locked by one service, with the socket in it or in a folder beside it."""

import contextlib
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from providers.native.embedded.errors import FolderInUse, FolderUnreachable, FolderUnusable
from providers.native.embedded.os_user import OsUser, unreachable_parent

_SOCKET = ".s.PGSQL.5432"

# sockaddr_un.sun_path holds 108 bytes, the last of them NUL.
_LONGEST_SOCKET_PATH = 107
# A comma in a host means several to SQLAlchemy, asyncpg and PostgreSQL; the short folder makes quoting unnecessary.
_PLAIN_PATH = re.compile(r"[\w./+-]+", re.ASCII)
_PID_DIGITS = 20
# The provider that exists without any configuration keeps the folder it always had.
_PLAIN_NAME = "native"


def folder_of(data_dir: Path, name: str) -> Path:
    """Return the folder of the server of the provider of this name."""
    return data_dir / ("postgres" if name == _PLAIN_NAME else f"postgres-{name}")


def socket_folder(folder: Path) -> Path:
    """Return the folder of the server's socket: `folder`/run, or a short private folder if that is too long."""
    inside = folder / "run"
    if _PLAIN_PATH.fullmatch(str(inside)) and len(os.fsencode(inside / _SOCKET)) <= _LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir(), f"ninai-{digest}")


def clear_sockets(sockets: Path) -> None:
    """Remove the files of a killed server from its socket folder; call this while none runs.

    Its lock file names a process too, and PostgreSQL would take any process with that id for the old server.
    """
    for name in (_SOCKET, f"{_SOCKET}.lock"):
        (sockets / name).unlink(missing_ok=True)


def open_folder(folder: Path, os_user: OsUser) -> None:
    """Make `folder` a private folder of the user, if the way there is open and it holds no files of anything else."""
    if blocked := unreachable_parent(folder, os_user):
        raise FolderUnreachable(folder, blocked, os_user.name)
    for parent in reversed(folder.parents):
        if not parent.exists():
            parent.mkdir()
            # Only a folder that was made here is opened, and only for passing through.
            parent.chmod(0o711 if os_user.switched else 0o700)
    if folder.exists() and any(folder.iterdir()) and not any((folder / name).exists() for name in ("lock", "data")):
        raise FolderUnusable(f"{folder} holds files of something else: pass another --data-dir")
    private_folder(folder, os_user)


def private_folder(path: Path, os_user: OsUser) -> None:
    """Make `path` a folder of the user with mode 0700; refuse one that another user made."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    # One descriptor for all: by path, the owner of the parent folder could replace it between check and change.
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        owner = os.fstat(descriptor).st_uid
        if owner not in {os_user.uid, os.geteuid()}:
            raise FolderUnusable(f"{path} belongs to user {owner}, not to {os_user.name}: pass another --data-dir")
        if owner != os_user.uid:
            os.fchown(descriptor, os_user.uid, os_user.gid)
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def synced(folder: Path) -> None:
    """Have the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_file(path: Path, flags: int, os_user: OsUser) -> int:
    """Open `path` with mode 0600 as a file of the user, never through a link that the user may have made."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os_user.switched:
        os.fchown(descriptor, os_user.uid, os_user.gid)
    return descriptor


@contextlib.contextmanager
def hold_lock(folder: Path, os_user: OsUser) -> Iterator[None]:
    """Lock `folder` for this service; the kernel releases the lock when the process ends, however it ends."""
    descriptor = open_file(folder / "lock", os.O_RDWR, os_user)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, _PID_DIGITS, 0).strip()
            raise FolderInUse(folder, int(holder) if holder.isdigit() else None) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        try:
            yield
        finally:
            # Closing alone would leave the lock to the worker processes, which were forked with the descriptor.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def holder_of(folder: Path) -> int | None:
    """Return the process of the service that holds `folder`, 0 if it is unknown, None if there is none."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, _PID_DIGITS, 0).strip()
        return int(holder) if holder.isdigit() else 0
    else:
        return None
    finally:
        os.close(descriptor)
