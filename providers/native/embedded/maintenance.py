"""Stopping an embedded server for maintenance while the service goes on: a mark in its folder."""

from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from providers.native.embedded.folder import holder_of
from providers.native.embedded.postmaster import postmaster_in

_MARK = "stopped"


class ServerState(StrEnum):
    """The states of an embedded server."""

    ABSENT = "absent"  # it never ran
    DOWN = "down"  # no service holds it
    STOPPED = "stopped"  # the service that holds it keeps it down
    STARTING = "starting"
    RUNNING = "running"


class ServerStatus(Struct, frozen=True, kw_only=True):
    """The state of an embedded server, and the process of the service that holds it; `marked` if it shall stay down."""

    state: ServerState
    holder: int | None
    marked: bool


def is_marked(folder: Path) -> bool:
    """Return whether the server in `folder` shall be down."""
    return (folder / _MARK).exists()


def mark(folder: Path) -> None:
    """Have the service that holds the server stop it, and keep it down until the mark is removed."""
    (folder / _MARK).touch(mode=0o600)


def unmark(folder: Path) -> None:
    """Have the service that holds the server run it."""
    (folder / _MARK).unlink(missing_ok=True)


def status_of(folder: Path) -> ServerStatus:
    """Return the state of the server in `folder`."""
    holder, marked = holder_of(folder), is_marked(folder)
    server = postmaster_in(folder / "data")
    lives = server is not None and Path(f"/proc/{server.pid}").exists()
    if holder is None:
        state = ServerState.DOWN if (folder / "data").exists() else ServerState.ABSENT
    elif server is not None and lives and server.ready:
        state = ServerState.RUNNING
    elif marked and not lives:
        state = ServerState.STOPPED
    else:
        state = ServerState.STARTING
    return ServerStatus(state=state, holder=holder, marked=marked)
