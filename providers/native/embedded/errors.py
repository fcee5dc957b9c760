"""Why the embedded server cannot run; each message is one line that says what to do.

EmbeddedServerError
+-- BinariesMissing          the wheel is not installed, or its programs cannot be run
+-- FolderInUse              another service works in the folder; `pid` is its process, None if it did not say
+-- FolderUnreachable        `parent` lets nobody but its owner through
+-- FolderUnusable           the folder is somebody else's, or no database lies where one should
|   +-- OtherMajorVersion    the data was written by PostgreSQL `found`, the programs are `expected`
+-- ServerFailed             PostgreSQL itself gave up; the message quotes what it said last
+-- StoppedForMaintenance    it was taken down by hand, and the service cannot go on without it

Starting and stopping raise nothing else; what the body of the context raises passes through.
"""

from pathlib import Path


class EmbeddedServerError(Exception):
    """The root of what the embedded server raises."""


class BinariesMissing(EmbeddedServerError):
    """PostgreSQL's programs are not there, or cannot be run."""


class FolderInUse(EmbeddedServerError):
    """Another service works in the folder."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        holder = "another service" if pid is None else f"process {pid}"
        super().__init__(f"{holder} already uses {folder}: stop it, or pass another --data-dir")
        self.folder = folder
        self.pid = pid


class FolderUnreachable(EmbeddedServerError):
    """A folder on the way to the data keeps PostgreSQL's account out."""

    def __init__(self, folder: Path, parent: Path, account: str) -> None:
        super().__init__(
            f"PostgreSQL runs as {account}, who may not enter {parent} on the way to {folder}: "
            "pass --data-dir with a folder that everyone can reach, such as /var/lib/ninai"
        )
        self.folder = folder
        self.parent = parent


class FolderUnusable(EmbeddedServerError):
    """The folder is somebody else's, or holds something else than a database."""


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
    """PostgreSQL did not do what it was started for."""


class StoppedForMaintenance(EmbeddedServerError):
    """The only server there is was taken down by hand."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the database of {name} is stopped for maintenance, and there is no other provider in the order: "
            f"bring it back with `ninai db start {name}`"
        )
