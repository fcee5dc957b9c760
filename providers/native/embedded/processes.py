"""PostgreSQL's processes: started so that they end with the service, and found if an earlier service left them."""

import ctypes
import functools
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from providers.native.embedded.os_user import ENVIRONMENT, OsUser

# PyDLL keeps the interpreter's lock during the call, so that no lock is released and taken between fork and exec.
_LIBC = ctypes.PyDLL(None)
_PR_SET_PDEATHSIG = 1

_POLL = 0.1  # seconds between two looks whether a program is still wanted
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


def run(
    argv: Sequence[str | Path],
    os_user: OsUser,
    *,
    cwd: Path,
    text: str = "",
    wanted: Callable[[], bool] = lambda: True,
) -> tuple[int, str]:
    """Run a program to its end with `text` as its input; return its exit status and its output.

    It is killed as soon as it is not `wanted` any more: what it talks to may hang.
    """
    with spawn(argv, os_user, cwd=cwd, stdin=subprocess.PIPE) as process:
        try:
            output = _output_of(process, text.encode(), wanted)
        except BaseException:
            process.kill()
            raise
    return process.returncode, output.decode(errors="replace").strip()


def end_of_output(output: str) -> str:
    """Return the end of a program's output in one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return " / ".join(lines[-_QUOTED_LINES:])


def _output_of(process: subprocess.Popen[bytes], text: bytes, wanted: Callable[[], bool]) -> bytes:
    given: bytes | None = text
    while True:
        try:
            output, _ = process.communicate(given, _POLL)
        except subprocess.TimeoutExpired:
            given = None  # the first call has it
            if not wanted():
                process.kill()
        else:
            return output


def _end_with_parent(parent: int) -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
    if os.getppid() != parent:
        # The parent died before the signal was requested, so the kernel will not send it.
        os._exit(1)


def processes_in(folder: Path) -> Iterator[int]:
    """Find the processes of PostgreSQL in `folder`; a server's working directory is always its data folder."""
    homes = (os.path.realpath(folder), os.path.realpath(folder / "data"))
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
