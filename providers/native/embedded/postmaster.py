"""What a running PostgreSQL tells about itself in the pid file of its data folder."""

from pathlib import Path

from msgspec import Struct

_STATUS_LINE = 7  # counted from 0


class Postmaster(Struct, frozen=True):
    """The process at the head of a server, and whether it says that it takes connections."""

    pid: int
    ready: bool


def postmaster_in(data: Path) -> Postmaster | None:
    """Give what the pid file says, None without one; the process it names need not live any more."""
    try:
        lines = (data / "postmaster.pid").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    if not lines or not lines[0].strip().isdigit():
        return None
    return Postmaster(int(lines[0]), len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready")
