"""Ending the processes of a server: first asked, then told, then killed; one that hangs is not waited for."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from providers.native.embedded.processes import processes_in

SHUTDOWN_SECONDS = 60.0

# The signals, and the seconds that each may take while the processes get on: fast shutdown, with everything written to
# disk; immediate shutdown, after which the next start recovers; kill.
_ESCALATION = ((signal.SIGINT, SHUTDOWN_SECONDS), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))

# Without any progress a signal is not waited for longer. A server that writes a large checkpoint gets on all the time;
# one that a single write to disk holds up for longer loses nothing by being told to stop at once.
HUNG_SECONDS = 4.0
_POLL = 0.02


def end_processes(folder: Path, reap: Callable[[], object] = lambda: None) -> list[int]:
    """End every PostgreSQL in `folder`, and return the processes that even a kill has not ended.

    `reap` is called again and again, for a caller that must notice the end of its own child.
    """
    for order, seconds in _ESCALATION:
        for pid in processes_in(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)  # a stopped process would not obey any other order
                # To the postmaster SIGINT means a fast shutdown; to its children it means something else.
                if order != signal.SIGINT or not _is_child(pid):
                    os.kill(pid, order)
        if _ended(folder, seconds, reap):
            return []
    return list(processes_in(folder))


def _ended(folder: Path, seconds: float, reap: Callable[[], object]) -> bool:
    """Wait until all processes have ended; return False if they take too long, or do nothing any more."""
    began = moved_at = time.monotonic()
    before: dict[int, str] = {}
    while True:
        reap()
        now = time.monotonic()
        progress = {pid: _progress(pid) for pid in processes_in(folder)}
        if not progress:
            return True
        if progress != before:
            before, moved_at = progress, now
        if now - began > seconds or now - moved_at > HUNG_SECONDS:
            return False
        time.sleep(_POLL)


def _progress(pid: int) -> str:
    """Return what changes while a process gets on: the processor time that it has used, and what it read and wrote."""
    seen = ""
    with contextlib.suppress(OSError):
        seen = " ".join(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[11:13])
        seen += Path(f"/proc/{pid}/io").read_text(errors="replace")
    return seen


def _is_child(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres: ")
    except OSError:
        return True
