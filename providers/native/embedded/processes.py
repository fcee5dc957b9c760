"""PostgreSQL's processes: started so that they go down with us, and found again when an earlier service left them."""

import ctypes
import functools
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from providers.native.embedded.account import ENVIRONMENT, Account
from providers.native.embedded.errors import ServerFailed

# PyDLL keeps the interpreter's lock during the call: nothing is let go of and taken again between fork and exec.
_LIBC = ctypes.PyDLL(None)
_PR_SET_PDEATHSIG = 1

# What an orphan is told, and how many seconds it may take: shut down fast, shut down at once, die.
_ESCALATION = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
_POLL = 0.05
_QUOTED_LINES = 5


def spawn(
    argv: Sequence[str | Path],
    account: Account,
    *,
    cwd: Path,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start a program as the account; it gets SIGINT, to PostgreSQL a fast shutdown, when the calling thread ends."""
    return subprocess.Popen(  # noqa: S603 - the programs of our own wheel, no shell
        argv,
        cwd=cwd,
        env=ENVIRONMENT,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        user=account.user,
        group=account.group,
        extra_groups=account.extra_groups,
        umask=0o077,
        # A session of its own: ctrl-C in a terminal reaches us alone, and we stop things in their order.
        start_new_session=True,
        # Only between fork and exec, and after the switch of user, which would clear it, can the death signal be set.
        preexec_fn=functools.partial(_end_with_parent, os.getpid()),  # noqa: PLW1509 - two system calls, no Python lock
    )


def run(argv: Sequence[str | Path], account: Account, *, cwd: Path, text: str = "") -> tuple[int, str]:
    """Run a program to its end with `text` as its input: its exit status, and all that it said."""
    with spawn(argv, account, cwd=cwd, stdin=subprocess.PIPE) as process:
        try:
            said, _ = process.communicate(text.encode())
        except BaseException:
            process.kill()
            raise
    return process.returncode, said.decode(errors="replace").strip()


def end_orphans(folder: Path) -> None:
    """Stop every PostgreSQL that an earlier, killed service left in `folder`, and forget its pid file.

    Call with the lock held, and with nothing started yet. The pid file goes because PostgreSQL would take any living
    process of the same user, or a zombie, for the old server; that none is left was just seen in the process table.
    """
    data = folder / "data"
    left: list[int] = []
    for order, seconds in _ESCALATION:
        for pid in _at_home(folder, data):
            # To the children of a server SIGINT means something else; to its head it means a fast shutdown.
            if order != signal.SIGINT or not _is_child(pid):
                _send(pid, order)
        deadline = time.monotonic() + seconds
        while left := list(_at_home(folder, data)):
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL)
        if not left:
            (data / "postmaster.pid").unlink(missing_ok=True)
            return
    raise ServerFailed(f"an earlier PostgreSQL in {folder} does not stop: end the processes {left} by hand")


def last_words(said: str) -> str:
    """The end of what a program said, in one line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return " / ".join(lines[-_QUOTED_LINES:])


def _end_with_parent(parent: int) -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
    if os.getppid() != parent:
        # The parent died before the signal was asked for, so nobody will send it.
        os._exit(1)


def _at_home(folder: Path, data: Path) -> Iterator[int]:
    """The processes of PostgreSQL that work in `folder`; a server's working directory is always its data folder."""
    homes = (os.path.realpath(folder), os.path.realpath(data))
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "comm").read_text(errors="replace").strip()
            place = str((entry / "cwd").readlink())
        except OSError:
            continue  # gone meanwhile, a zombie, or another user's
        if command in {"postgres", "initdb"} and any(place == home or place.startswith(f"{home}/") for home in homes):
            yield int(entry.name)


def _is_child(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres: ")
    except OSError:
        return True


def _send(pid: int, order: signal.Signals) -> None:
    try:
        os.kill(pid, order)
    except ProcessLookupError:
        return
