"""Files in the data folder that only their owner reads: written as a whole, and secrets that are made on first use."""

import os
from contextlib import suppress
from pathlib import Path
from secrets import token_bytes
from uuid import uuid4

SECRET_BYTES = 32


def make_folder(folder: Path) -> None:
    """Make a folder for this user alone, and those on the way to it; one that is there stays as it is.

    As root it is open for passing through: a database below the data folder runs as another user.

    Raises:
        OSError: it cannot be made.
    """
    mode = 0o711 if os.geteuid() == 0 else 0o700
    for part in (*reversed(folder.parents), folder):
        if not part.exists():
            part.mkdir(mode=0o700, exist_ok=True)
            part.chmod(mode)  # whatever the mask of this process takes away


def write_whole(path: Path, content: bytes, *, instead: bool = True) -> None:
    """Write a file atomically and on disk at the end; without `instead` one that is already there stays.

    As root the file belongs to whoever owns the folder: a service that does not run as root has to read it.

    Raises:
        OSError: it cannot be written.
    """
    make_folder(path.parent)
    draft = path.with_name(f"{path.name}.{uuid4()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            give_to_owner(descriptor, path.parent)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if instead:
            draft.replace(path)
        else:
            with suppress(FileExistsError):
                os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def give_to_owner(descriptor: int, folder: Path) -> None:
    """Give an open file to the owner of a folder, where this process may."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def kept_secret(path: Path) -> bytes:
    """Return the secret in a file, which is made by chance where there is none; the first of several processes wins.

    Raises:
        OSError: it cannot be read or written, or is too short to be one.
    """
    if not path.exists():
        write_whole(path, token_bytes(SECRET_BYTES), instead=False)
    return read_secret(path)


def read_secret(path: Path) -> bytes:
    """Return the secret in a file; raise `OSError` if there is none."""
    secret = path.read_bytes()
    if len(secret) < SECRET_BYTES:
        raise OSError(0, f"holds {len(secret)} bytes, and should hold {SECRET_BYTES}: remove it")
    return secret
