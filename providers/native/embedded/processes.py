"""PostgreSQL's processes: started so that they end with the service, and found if an earlier service left them."""

import contextlib
import ctypes
import functools
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from providers.native.embedded.errors import ServerFailed
from providers.native.embedded.os_user import ENVIRONMENT, OsUser

# PyDLL keeps the interpreter's lock during the call, so that no lock is released and taken between fork and exec.
_LIBC = ctypes.PyDLL(None)
_PR_SET_PDEATHSIG = 1

# The signals to an orphan, and the seconds that each may take: fast shutdown, immediate shutdown, kill.
_ESCALATION = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
_POLL = 0.05
_QUOTED_LINES = 5


def spawn(
    argv: Sequence[str | Path],
    os_user: OsUser,
    *,
    cwd: Path,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start a program as a user; it gets SIGINT, to PostgreSQL a fast shutdown, when the calling thread ends."""
    return subprocess.Popen(  # noqa: S603 - the programs of our own wheel, no shell
        argv,
        cwd=cwd,
        env=ENVIRONMENT,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        user=os_user.user,
        group=os_user.group,
        extra_groups=os_user.extra_groups,
        umask=0o077,
        # A session of its own: ctrl-C in a terminal reaches the service alone, which stops everything in order.
        start_new_session=True,
        # Only between fork and exec, and after the switch of user, which would clear it, can the death signal be set.
        preexec_fn=functools.partial(_end_with_parent, os.getpid()),  # noqa: PLW1509 - two system calls, no Python lock
    )


def run(argv: Sequence[str | Path], os_user: OsUser, *, cwd: Path, text: str = "") -> tuple[int, str]:
    """Run a program to its end with `text` as its input; return its exit status and its output."""
    with spawn(argv, os_user, cwd=cwd, stdin=subprocess.PIPE) as process:
        try:
            output, _ = process.communicate(text.encode())
        except BaseException:
            process.kill()
            raise
    return process.returncode, output.decode(errors="replace").strip()


def end_orphans(folder: Path) -> None:
    """Stop every PostgreSQL that an earlier, killed service left in `folder`, and remove its pid file.

    Call with the lock held, and with nothing started yet. The pid file is removed because PostgreSQL would take any
    living process of the same user, or a zombie, for the old server; the process table has shown that none is left.
    """
    data = folder / "data"
    left: list[int] = []
    for order, seconds in _ESCALATION:
        for pid in _processes_in(folder, data):
            # To the postmaster SIGINT means a fast shutdown; to its children it means something else.
            if order != signal.SIGINT or not _is_child(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, order)
        deadline = time.monotonic() + seconds
        while left := list(_processes_in(folder, data)):
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL)
        if not left:
            (data / "postmaster.pid").unlink(missing_ok=True)
            return
    raise ServerFailed(f"an earlier PostgreSQL in {folder} does not stop: end the processes {left} by hand")


def end_of_output(output: str) -> str:
    """Return the end of a program's output in one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return " / ".join(lines[-_QUOTED_LINES:])


def _end_with_parent(parent: int) -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
    if os.getppid() != parent:
        # The parent died before the signal was requested, so the kernel will not send it.
        os._exit(1)


def _processes_in(folder: Path, data: Path) -> Iterator[int]:
    """Find the processes of PostgreSQL in `folder`; a server's working directory is always its data folder."""
    homes = (os.path.realpath(folder), os.path.realpath(data))
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "comm").read_text(errors="replace").strip()
            place = str((entry / "cwd").readlink())
        except OSError:
            continue  # it has ended meanwhile, is a zombie, or belongs to another user
        if command in {"postgres", "initdb"} and any(place == home or place.startswith(f"{home}/") for home in homes):
            yield int(entry.name)


def _is_child(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres: ")
    except OSError:
        return True
