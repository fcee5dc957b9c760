"""Why the embedded server cannot run; each message is one line with what to do about it.

EmbeddedServerError
+-- BaseBackupDamaged        a copy of a server lacks something, or holds something else than the server said
+-- BinariesMissing          the wheel is not installed, or its programs cannot be run
+-- FolderInUse              another service uses the folder; `pid` is its process, None if unknown
+-- FolderUnreachable        only the owner of `parent` may enter it
+-- FolderUnusable           the folder belongs to another user, or holds no database where one should be
|   +-- OtherMajorVersion    the data was written by PostgreSQL `found`, the programs are `expected`
+-- ServerFailed             PostgreSQL itself failed; the message quotes the end of its output
+-- StoppedForMaintenance    an operator stopped it, and the service cannot go on without it

Starting and stopping raise nothing else; what the body of the context raises passes through.
"""

from pathlib import Path


class EmbeddedServerError(Exception):
    """The base of all errors of the embedded server."""


class BaseBackupDamaged(EmbeddedServerError):
    """A copy of a server cannot be used."""


class BinariesMissing(EmbeddedServerError):
    """PostgreSQL's programs are missing, or cannot be run."""


class FolderInUse(EmbeddedServerError):
    """Another service uses the folder."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        holder = "another service" if pid is None else f"process {pid}"
        super().__init__(f"{holder} already uses {folder}: stop it, or pass another --data-dir")
        self.pid = pid


class FolderUnreachable(EmbeddedServerError):
    """PostgreSQL's user may not enter a folder on the way to the data."""

    def __init__(self, folder: Path, parent: Path, os_user: str) -> None:
        super().__init__(
            f"PostgreSQL runs as {os_user}, which may not enter {parent} on the way to {folder}: "
            "pass --data-dir with a folder that everyone can reach, such as /var/lib/ninai"
        )
        self.parent = parent


class FolderUnusable(EmbeddedServerError):
    """The folder belongs to another user, or holds something else than a database."""


class OtherMajorVersion(FolderUnusable):
    """The data was written by another major version of PostgreSQL."""

    def __init__(self, data: Path, found: str, expected: str) -> None:
        super().__init__(
            f"{data} was written by PostgreSQL {found} and this is {expected}: move it with pg_dump and pg_restore, "
            "or pass another --data-dir"
        )
        self.found = found
        self.expected = expected


class ServerFailed(EmbeddedServerError):
    """PostgreSQL itself failed."""


class StoppedForMaintenance(EmbeddedServerError):
    """An operator stopped the only server."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the database of {name} is stopped for maintenance, and there is no other provider in the order: "
            f"bring it back with `ninai db start {name}`"
        )
