"""The embedded server from start to stop, as one context manager."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import quote

import structlog

from providers.native.embedded.binaries import reachable_binaries, server_version, wheel_binaries
from providers.native.embedded.cluster import APPLICATION, OWNER, ensure_cluster
from providers.native.embedded.ending import end_processes
from providers.native.embedded.errors import FolderUnusable, ServerFailed
from providers.native.embedded.folder import (
    clear_sockets,
    hold_lock,
    open_file,
    open_folder,
    private_folder,
    socket_folder,
)
from providers.native.embedded.os_user import OsUser, os_user_for
from providers.native.embedded.postmaster import Postmaster, postmaster_in
from providers.native.embedded.processes import end_of_output, run, spawn

DATABASE = "ninai"

# Passed on the command line, so that a folder made by an older release runs with the settings of this one.
_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    # Parallel workers share memory through /dev/shm, of which a container has 64 MB; one user's memories need none.
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_checkpoints": "off",
    # Memories are private: neither statements nor the rows that an error's details quote go into the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}

# Of PostgreSQL 18 or newer, which reads asynchronously: one user's memories lie scattered over as many pages, and a
# disk without moving parts answers many reads at once.
_ASYNCHRONOUS = {"effective_io_concurrency": "100", "io_workers": "16"}
_FIRST_ASYNCHRONOUS = 18

# Replaying 1 GB of WAL and syncing the folder after a power cut can take minutes on a slow disk.
_START_SECONDS = 300.0
_REAP_SECONDS = 1.0  # until the end of a killed process is noticed
_POLL = 0.02
_LOG_BYTES = 8 * 1024 * 1024

# Written out, because asyncpg takes missing values from the environment: PGPORT, PGSSLMODE, PGTARGETSESSIONATTRS and
# PGGSSLIB of a shell are meant for another server. So is PGPASSFILE, which is not read where there is a password;
# the server asks for none. PGSSLNEGOTIATION is kept out by the pool, as from every connection without TLS.
_OURS = "port=5432&ssl=disable&target_session_attrs=any&gsslib=gssapi"
_UNASKED = "unasked"

# Run at every start, so that a folder made by an older release gets what it lacks.
_CREATE_DATABASE = f"""
SELECT 'CREATE DATABASE {DATABASE}' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}') \\gexec
SELECT 'CREATE ROLE {APPLICATION} LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APPLICATION}') \\gexec
\\connect {DATABASE}
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APPLICATION};
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APPLICATION};
"""  # noqa: S608 - constants of these modules


_log = structlog.get_logger(__name__)


class EmbeddedServer:
    """A private PostgreSQL in `folder`, run with the programs in `binaries`, by default the wheel's.

    Inside are `data/`, `run/` with the socket, `server.log` and `lock`. Started by root, it runs as an ordinary user,
    which then owns the folder.
    """

    def __init__(self, folder: Path, binaries: Path | None = None) -> None:
        self.folder = folder.resolve()
        self._binaries = binaries
        self._sockets = socket_folder(self.folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._interrupted = False

    @property
    def dsn(self) -> str:
        """The DSN of the owner of all tables, for SQLAlchemy; known before the server runs."""
        return self._dsn_of(OWNER)

    @property
    def application_dsn(self) -> str:
        """The DSN of the role that reads and writes memories, and owns nothing."""
        return self._dsn_of(APPLICATION)

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Hold the folder and run the server for as long as the context lasts; raises `EmbeddedServerError`.

        Enter it in a thread that lives as long as the process: the kernel signals the server to stop when the
        thread that started it ends, and so a killed service takes its server down.
        """
        with self.held(), self.started():
            yield self

    @contextlib.contextmanager
    def held(self) -> Iterator[Self]:
        """Lock the folder for this service, whether or not its server runs; raises `EmbeddedServerError`."""
        with contextlib.ExitStack() as stack:
            with self.errors_translated():
                os_user = os_user_for(self.folder)
                open_folder(self.folder, os_user)
                stack.enter_context(hold_lock(self.folder, os_user))
            yield self

    @contextlib.contextmanager
    def started(self) -> Iterator[Self]:
        """Run the server in the folder that is held, for as long as the context lasts; see `running`."""
        with contextlib.ExitStack() as stack:
            with self.errors_translated():
                self._start(stack)
            yield self

    def has_ended(self, seconds: float) -> bool:
        """Wait some seconds for the server to end by itself; return whether it has ended."""
        if self._process is None:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    def interrupt(self) -> None:
        """Make a start that is under way in another thread fail soon, and every later one."""
        self._interrupted = True

    @contextlib.contextmanager
    def errors_translated(self) -> Iterator[None]:
        """Translate an error of the operating system."""
        try:
            yield
        except OSError as error:
            reason = f"cannot run PostgreSQL in {self.folder}: {error}"
            raise FolderUnusable(f"{reason}; mend that, or pass another --data-dir") from error

    def _dsn_of(self, role: str) -> str:
        return f"postgresql+asyncpg://{role}:{_UNASKED}@/{DATABASE}?host={quote(str(self._sockets), safe='')}&{_OURS}"

    def _start(self, stack: contextlib.ExitStack) -> None:
        os_user = os_user_for(self.folder)
        binaries = reachable_binaries(self._binaries or wheel_binaries(), self.folder.parent, os_user)
        self._end_orphans()
        private_folder(self._sockets, os_user)
        clear_sockets(self._sockets)
        data = ensure_cluster(binaries, self.folder, os_user, self._is_wanted)
        log = self.folder / "server.log"
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.rename(log.with_suffix(".log.1"))
        output = open_file(log, os.O_WRONLY | os.O_APPEND, os_user)
        log_start = os.fstat(output).st_size
        try:
            process = self._spawn(binaries, data, output, os_user)
        finally:
            os.close(output)
        self._process = process
        stack.callback(self._stop, process)
        self._wait_until_ready(process, data, log, log_start)
        self._create_database(binaries, os_user)

    def _spawn(self, binaries: Path, data: Path, output: int, os_user: OsUser) -> subprocess.Popen[bytes]:
        sockets = '"{}"'.format(str(self._sockets).replace('"', '""'))
        major = int(server_version(binaries).split(".")[0])
        further = _ASYNCHRONOUS if major >= _FIRST_ASYNCHRONOUS else {}
        settings = {**_SETTINGS, **further, "unix_socket_directories": sockets}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return spawn([binaries / "postgres", "-D", data, *options], os_user, cwd=self.folder, stdout=output)

    def _create_database(self, binaries: Path, os_user: OsUser) -> None:
        server: list[str | Path] = ["-h", self._sockets, "-p", "5432", "-U", OWNER, "-d", "postgres"]
        psql = [binaries / "psql", "-X", "-q", *server, "-v", "ON_ERROR_STOP=1"]
        status, output = run(psql, os_user, cwd=self.folder, text=_CREATE_DATABASE, wanted=self._is_wanted)
        if status != 0:
            raise ServerFailed(f"PostgreSQL could not create the database {DATABASE}: {end_of_output(output)}")

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        """Shut down with everything on disk; if it hangs or takes too long, at once, and the next start recovers."""
        left = end_processes(self.folder, process.poll)
        if left:
            _log.error("embedded_server_not_ended", folder=str(self.folder), processes=left)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_REAP_SECONDS)
        with contextlib.suppress(OSError):
            self._sockets.rmdir()

    def _end_orphans(self) -> None:
        """Stop every PostgreSQL that an earlier, killed service left in the folder, and remove its pid file.

        Call with the lock held, and with nothing started yet. The pid file is removed because PostgreSQL would take any
        living process of the same user, or a zombie, for the old server; the process table has shown that none is left.
        """
        if left := end_processes(self.folder):
            raise ServerFailed(
                f"an earlier PostgreSQL in {self.folder} does not stop: end the processes {left} by hand"
            )
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def _is_wanted(self) -> bool:
        return not self._interrupted

    def _wait_until_ready(self, process: subprocess.Popen[bytes], data: Path, log: Path, log_start: int) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None:
            if postmaster_in(data) == Postmaster(process.pid, ready=True):
                return
            if self._interrupted:
                raise ServerFailed("the start was interrupted")
            if time.monotonic() > deadline:
                raise ServerFailed(f"PostgreSQL was not ready after {_START_SECONDS:.0f} s; {_end_of(log, log_start)}")
            time.sleep(_POLL)
        raise ServerFailed(f"PostgreSQL stopped with status {process.returncode}; {_end_of(log, log_start)}")


def _end_of(log: Path, log_start: int) -> str:
    return f"{log} ends: {end_of_output(log.read_bytes()[log_start:].decode(errors='replace'))}"
