"""The manifest of a backup: what is in it, from when, and the checksum of each file."""

import hashlib
import os
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from app.backup.errors import BackupDamaged, BackupError

MANIFEST = "manifest.json"
FORM = 1  # raised by a change that former programs could not read


class FileSum(Struct, frozen=True, kw_only=True):
    """The size of a file in bytes, and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


class Manifest(Struct, frozen=True, kw_only=True):
    """What a backup holds.

    All that was acknowledged before `taken_at` is in it. `version` is the program's that made it. `servers` are the
    providers whose embedded servers are in it, `journal` is the id of the journal, None without one, and `outside` are
    the stores of the order that are not in it, each with its kind. `files` are all files but this one, by their paths.
    """

    form: int = FORM
    version: str
    taken_at: datetime
    installation: str | None
    order: list[str]
    servers: list[str]
    journal: str | None
    outside: dict[str, str]
    files: dict[str, FileSum]


class _Form(Struct, frozen=True):
    form: int


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a backup."""
    with (folder / MANIFEST).open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a backup.

    Raises:
        BackupError: there is none, or it was made by a newer version.
    """
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BackupError(f"{folder} is no backup: {path}: {error.strerror}") from error
    try:
        form = msgspec.json.decode(content, type=_Form).form
        if form != FORM:
            raise BackupError(f"{folder} has the form {form}, and this version of ninai reads {FORM}: use a newer one")
        return msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BackupDamaged(f"{path} is damaged: {error}") from error


def sums_in(folder: Path) -> dict[str, FileSum]:
    """Return the checksums of all files in a backup but its manifest, by their paths in it."""
    paths = sorted(path for path in folder.rglob("*") if not path.is_dir() and path != folder / MANIFEST)
    return {str(path.relative_to(folder)): _sum_of(path) for path in paths}


def _sum_of(path: Path) -> FileSum:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return FileSum(size=file.tell(), sha256=digest.hexdigest())
