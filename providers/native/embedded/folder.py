"""The folder the server lives in: made private, held by one service, and the socket's place in it or beside it."""

import contextlib
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from providers.native.embedded.account import Account, unreachable_parent
from providers.native.embedded.errors import FolderInUse, FolderUnreachable, FolderUnusable

_SOCKET = ".s.PGSQL.5432"

# sockaddr_un.sun_path holds 108 bytes, the last of them NUL.
_LONGEST_SOCKET_PATH = 107
# A comma in a host makes SQLAlchemy, asyncpg and PostgreSQL see several; the short folder spares all the quoting.
_PLAIN_PATH = re.compile(r"[\w./+-]+", re.ASCII)
_PID_DIGITS = 20
# The provider that is there without any configuration keeps the folder it always had.
_PLAIN_NAME = "native"


def folder_of(data_dir: Path, name: str) -> Path:
    """Where the server of the provider of this name lives."""
    return data_dir / ("postgres" if name == _PLAIN_NAME else f"postgres-{name}")


def socket_folder(folder: Path) -> Path:
    """Where the socket of the server in `folder` lies: `folder`/run, or a short private folder if that is too long."""
    inside = folder / "run"
    if _PLAIN_PATH.fullmatch(str(inside)) and len(os.fsencode(inside / _SOCKET)) <= _LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir(), f"ninai-{digest}")


def clear_sockets(sockets: Path) -> None:
    """Remove what a killed server left in its socket folder; call when none runs.

    Its lock file names a process too, and PostgreSQL would take a stranger with that id for the old server.
    """
    for name in (_SOCKET, f"{_SOCKET}.lock"):
        (sockets / name).unlink(missing_ok=True)


def open_folder(folder: Path, account: Account) -> None:
    """Make `folder` a private folder of the account, if the way there is open and nobody else's files are in it."""
    if blocked := unreachable_parent(folder, account):
        raise FolderUnreachable(folder, blocked, account.name)
    for parent in reversed(folder.parents):
        if not parent.exists():
            parent.mkdir()
            # Only what we made ourselves is opened, and only for passing through.
            parent.chmod(0o711 if account.switched else 0o700)
    if folder.exists() and any(folder.iterdir()) and not any((folder / name).exists() for name in ("lock", "data")):
        raise FolderUnusable(f"{folder} holds files of something else: pass another --data-dir")
    private_folder(folder, account)


def private_folder(path: Path, account: Account) -> None:
    """Make `path` a folder with mode 0700 of the account's own; what another user made there is refused."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    # All through one descriptor: by path, the owner of the folder above could swap it between check and change.
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        owner = os.fstat(descriptor).st_uid
        if owner not in {account.uid, os.geteuid()}:
            raise FolderUnusable(f"{path} belongs to user {owner}, not to {account.name}: pass another --data-dir")
        if owner != account.uid:
            os.fchown(descriptor, account.uid, account.gid)
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def open_file(path: Path, flags: int, account: Account) -> int:
    """Open `path` with mode 0600 as a file of the account, never through a link it may have left there."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if account.switched:
        os.fchown(descriptor, account.uid, account.gid)
    return descriptor


@contextlib.contextmanager
def hold_lock(folder: Path, account: Account) -> Iterator[None]:
    """Be the one service in `folder`; the kernel lets go of the lock when this process ends, however it ends."""
    descriptor = open_file(folder / "lock", os.O_RDWR, account)
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
            # Closing alone would leave it to the worker processes, which were forked with the descriptor.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def holder_of(folder: Path) -> int | None:
    """The process of the service that holds `folder`, 0 if it does not say which, None if there is none."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        said = os.pread(descriptor, _PID_DIGITS, 0).strip()
        return int(said) if said.isdigit() else 0
    else:
        return None
    finally:
        os.close(descriptor)
