"""What a running PostgreSQL writes about itself into the pid file of its data folder."""

from pathlib import Path

from msgspec import Struct

_STATUS_LINE = 7  # counted from 0


class Postmaster(Struct, frozen=True):
    """A server's main process, and whether it says that it accepts connections."""

    pid: int
    ready: bool


def postmaster_in(data: Path) -> Postmaster | None:
    """Return what the pid file says, None without one; its process may have ended."""
    try:
        lines = (data / "postmaster.pid").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    if not lines or not lines[0].strip().isdigit():
        return None
    return Postmaster(int(lines[0]), len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready")
