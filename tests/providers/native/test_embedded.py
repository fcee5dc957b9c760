"""The embedded server keeps what it was given, and comes up again whatever happened to the service before."""

import contextlib
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from providers.native.embedded import EmbeddedServer, wheel_binaries
from providers.native.embedded.binaries import reachable_binaries
from providers.native.embedded.errors import (
    BinariesMissing,
    FolderInUse,
    FolderUnreachable,
    FolderUnusable,
    OtherMajorVersion,
    ServerFailed,
)
from providers.native.embedded.os_user import OsUser, os_user_for, unreachable_parent
from tests.support.postgres import MAJORS, connected, create_database, drop_database, libpq_dsn, reachable_folder

ROOT = Path(__file__).parents[3]

SERVICE = """
import signal, sys
from pathlib import Path
from providers.native.embedded import EmbeddedServer, wheel_binaries
with EmbeddedServer(Path(sys.argv[1]), wheel_binaries(int(sys.argv[2]))).running():
    print("ready", flush=True)
    signal.pause()
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder that every account can enter."""
    with reachable_folder() as folder:
        yield folder


@pytest.fixture
def binaries(postgres_major: int) -> Path:
    """The programs of the version this run is about."""
    return wheel_binaries(postgres_major)


@pytest.fixture(scope="module")
def embedded(postgres_major: int) -> Iterator[EmbeddedServer]:
    """A server that ran before; every test leaves its folder fit for the next start, which is its subject."""
    with reachable_folder() as folder:
        server = EmbeddedServer(folder / "postgres", wheel_binaries(postgres_major))
        with server.running():
            ask(server, "CREATE TABLE kept (token text)")
        yield server


@pytest.fixture
def unborn(data_dir: Path, binaries: Path) -> EmbeddedServer:
    """A server that has never run: it has no folder yet."""
    return EmbeddedServer(data_dir / "postgres", binaries)


def ask(server: EmbeddedServer, statement: str) -> str:
    """What psql prints for a statement."""
    url = libpq_dsn(server.dsn)
    done = subprocess.run(  # noqa: S603 - the wheel's psql
        [wheel_binaries() / "psql", "-X", "-At", "-d", url, "-c", statement], capture_output=True, check=True, text=True
    )
    return done.stdout.strip()


def keep(server: EmbeddedServer) -> str:
    """Commit a row, and tell how to ask for it."""
    token = uuid4().hex
    ask(server, f"INSERT INTO kept VALUES ('{token}')")  # noqa: S608 - made of hex digits just above
    return f"SELECT count(*) FROM kept WHERE token = '{token}'"  # noqa: S608 - as above


def sockets_of(server: EmbeddedServer) -> Path:
    """The folder that the dsn names."""
    host = make_url(server.dsn).query["host"]
    assert isinstance(host, str)
    return Path(host)


def wait_until(truth: Callable[[], bool]) -> None:
    """Return as soon as it is true; fail after 20 seconds."""
    deadline = time.monotonic() + 20
    while not truth():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def postmaster(server: EmbeddedServer) -> int:
    """The process id of the running server."""
    return int((server.folder / "data" / "postmaster.pid").read_text().split()[0])


def leave_pid_files(server: EmbeddedServer, pid: int) -> None:
    """Write the two files with its process id that a crashed server would have left, the data's and the socket's."""
    data, sockets = server.folder / "data", server.folder / "run"
    lines = [str(pid), str(data), "1700000000", "5432", str(sockets), "", "        1         1", "ready   "]
    sockets.mkdir(mode=0o700)
    for path in (data / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
        path.write_text("\n".join(lines) + "\n")


def lives(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def start(argv: list[str | Path], os_user: OsUser, **options: int) -> subprocess.Popen[bytes]:
    """Start a program as the account that owns the data."""
    return subprocess.Popen(  # noqa: S603 - the tests' own programs
        argv,
        cwd="/",
        user=os_user.user,
        group=os_user.group,
        extra_groups=os_user.extra_groups,
        stdout=options.get("stdout", subprocess.DEVNULL),
    )


@contextlib.contextmanager
def service(folder: Path, major: int) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that runs the server until it is killed."""
    process = subprocess.Popen(  # noqa: S603 - this very interpreter
        [sys.executable, "-c", SERVICE, folder, str(major)], cwd=ROOT, stdout=subprocess.PIPE
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def say_ready(process: subprocess.Popen[bytes]) -> None:
    """Wait until the other service's server runs."""
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"


@pytest.mark.thorough
async def test_sqlalchemy_reaches_the_server_by_its_dsn(unborn: EmbeddedServer) -> None:
    """The dsn of a new folder's server opens an empty database that can hold vectors."""
    with unborn.running():
        engine = create_async_engine(unborn.dsn)
        async with engine.begin() as connection:
            await connection.execute(text("CREATE EXTENSION vector"))
            distance = await connection.scalar(text("SELECT '[0,3]'::vector <-> '[4,0]'::vector"))
        await engine.dispose()

    assert distance == 5.0


def test_data_survives_a_restart(embedded: EmbeddedServer) -> None:
    """What was committed before a stop is there after the next start."""
    with embedded.running():
        row = keep(embedded)
    with embedded.running():
        found = ask(embedded, row)

    assert found == "1"


def test_nothing_is_left_after_a_stop(embedded: EmbeddedServer) -> None:
    """An error in the body passes through unchanged, and takes the server and its socket down with it."""

    def fail() -> None:
        with embedded.running():
            pids.append(postmaster(embedded))
            raise OSError("the body's own")

    pids: list[int] = []
    with pytest.raises(OSError, match="the body's own"):
        fail()

    assert not lives(pids[0])
    assert not (embedded.folder / "run").exists()
    assert not (embedded.folder / "data" / "postmaster.pid").exists()


def test_settings_that_promises_rest_on(embedded: EmbeddedServer) -> None:
    """The server syncs to disk, checks its pages, listens on no port, and sorts by code point."""
    with embedded.running():
        settings = {
            name: ask(embedded, f"SHOW {name}")
            for name in ("fsync", "synchronous_commit", "data_checksums", "autovacuum", "listen_addresses", "jit")
        }
        ordered = ask(embedded, "SELECT string_agg(x, '' ORDER BY x) FROM unnest('{b,B,a,é,A}'::text[]) x")
        words = ask(embedded, "SELECT to_tsvector('simple', '“ÉCOLE” — நினைவலைகள்')")

    assert settings == {
        "fsync": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "autovacuum": "on",
        "listen_addresses": "",
        "jit": "off",
    }
    assert ordered == "ABabé"
    assert words == "'école':1 'நினைவலைகள்':2"


def test_scattered_pages_are_read_side_by_side(embedded: EmbeddedServer, postgres_major: int) -> None:
    """By a server that can; an older one does not know all of these settings, and starts all the same."""
    with embedded.running():
        shown = ask(
            embedded,
            "SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings"
            " WHERE name IN ('effective_io_concurrency', 'io_workers')",
        )

    assert shown == ("100 16" if postgres_major >= 18 else "1")


def test_the_log_quotes_no_memory(embedded: EmbeddedServer) -> None:
    """A refused row's content appears in the answer to the client and not in the log."""
    with embedded.running():
        refused = (
            "CREATE TEMP TABLE memory (content text CHECK (length(content) < 5));"
            "INSERT INTO memory VALUES ('a private thought')"
        )
        with pytest.raises(subprocess.CalledProcessError) as caught:
            ask(embedded, refused)

    log = (embedded.folder / "server.log").read_text()
    assert "a private thought" in caught.value.stderr
    assert "a private thought" not in log
    assert "violates check constraint" in log


def test_a_second_service_is_told_who_holds_the_folder(embedded: EmbeddedServer) -> None:
    """The second service on a folder fails with the first one's process id, and the first goes on."""
    second = EmbeddedServer(embedded.folder)

    with embedded.running():
        with pytest.raises(FolderInUse) as caught, second.running():
            pass
        still = ask(embedded, "SELECT 1")

    assert caught.value.pid == os.getpid()
    assert f"process {os.getpid()}" in str(caught.value)
    assert still == "1"


def test_a_killed_service_takes_its_server_down(embedded: EmbeddedServer, postgres_major: int) -> None:
    """After SIGKILL of the service its server shuts down by itself, in good order."""
    with service(embedded.folder, postgres_major) as process:
        say_ready(process)
        pid = postmaster(embedded)
        process.kill()
        wait_until(lambda: not lives(pid))

    assert (embedded.folder / "server.log").read_text().endswith("database system is shut down\n")


def test_a_service_starts_right_after_the_last_was_killed(embedded: EmbeddedServer, postgres_major: int) -> None:
    """A start that meets the killed service's server still at work waits for it and finds all that was committed."""
    with service(embedded.folder, postgres_major) as process:
        say_ready(process)
        row = keep(embedded)
        process.kill()
        process.wait()
        with embedded.running():
            found = ask(embedded, row)

    assert found == "1"


def test_the_whole_machine_may_fail(embedded: EmbeddedServer, postgres_major: int) -> None:
    """With service and server both killed, the next start recovers all that was committed."""
    with service(embedded.folder, postgres_major) as process:
        say_ready(process)
        row = keep(embedded)
        os.kill(postmaster(embedded), signal.SIGKILL)
        process.kill()
        process.wait()
        with embedded.running():
            found = ask(embedded, row)

    assert found == "1"


def test_a_server_that_nobody_holds_is_replaced(embedded: EmbeddedServer, binaries: Path) -> None:
    """A live server on the data without a service is stopped, and one of ours takes its place."""
    data = embedded.folder / "data"
    os_user = os_user_for(embedded.folder)
    programs = reachable_binaries(binaries, embedded.folder.parent, os_user)
    options: list[str | Path] = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={data}"]
    with start([programs / "postgres", "-D", data, *options], os_user) as stray:
        wait_until((data / ".s.PGSQL.5432").exists)

        with embedded.running():
            answer = ask(embedded, "SELECT 1")

    assert stray.returncode == 0
    assert answer == "1"


def test_a_stale_pid_file_of_a_dead_process_is_forgotten(embedded: EmbeddedServer) -> None:
    """A pid file that names a process which is no more does not keep the server from starting."""
    with embedded.running():
        pid = postmaster(embedded)
    leave_pid_files(embedded, pid)

    with embedded.running():
        answer = ask(embedded, "SELECT 1")

    assert answer == "1"


def test_a_stale_pid_file_of_another_program_is_forgotten(embedded: EmbeddedServer) -> None:
    """A pid that now belongs to another program of the same user neither blocks the start nor gets that one killed."""
    with start(["/usr/bin/sleep", "60"], os_user_for(embedded.folder)) as stranger:
        leave_pid_files(embedded, stranger.pid)

        with embedded.running():
            answer = ask(embedded, "SELECT 1")
        unharmed = stranger.poll() is None
        stranger.kill()

    assert answer == "1"
    assert unharmed


@pytest.mark.thorough
def test_a_crash_while_the_database_is_made_is_mended(unborn: EmbeddedServer, postgres_major: int) -> None:
    """A service killed in the middle of initdb leaves a folder in which the next one starts."""
    with service(unborn.folder, postgres_major) as process:
        wait_until((unborn.folder / "data.new" / "base" / "1").exists)
        process.kill()
        process.wait()
        half_done = not (unborn.folder / "data").exists()

        with unborn.running():
            answer = ask(unborn, "SELECT 1")

    assert half_done
    assert answer == "1"
    assert not (unborn.folder / "data.new").exists()


def test_data_of_another_major_version_is_refused(embedded: EmbeddedServer, postgres_major: int) -> None:
    """Data that another PostgreSQL wrote is left as it is, and the error names both versions."""
    other = next(major for major in MAJORS if major != postgres_major)

    with pytest.raises(OtherMajorVersion) as caught, EmbeddedServer(embedded.folder, wheel_binaries(other)).running():
        pass

    assert (caught.value.found, caught.value.expected) == (str(postgres_major), str(other))


@pytest.mark.parametrize("name", ["a" * 120, "Jo's data, all of it: 100% ünique"])
@pytest.mark.thorough
def test_any_name_of_a_folder_will_do(data_dir: Path, binaries: Path, name: str) -> None:
    """A path too long for a socket, or one that a dsn would misread, moves the socket to a short private folder."""
    server = EmbeddedServer(data_dir / name / "postgres", binaries)

    with server.running():
        answer = ask(server, "SELECT 1")
        mode = sockets_of(server).stat().st_mode & 0o777

    assert answer == "1"
    assert mode == 0o700
    assert not sockets_of(server).exists()


@as_root
def test_a_squatted_socket_folder_is_refused(data_dir: Path, binaries: Path) -> None:
    """A short socket folder that another user made first is not used."""
    server = EmbeddedServer(data_dir / ("a" * 120), binaries)
    squatted = sockets_of(server)
    squatted.mkdir()
    os.chown(squatted, 12345, 12345)

    try:
        with pytest.raises(FolderUnusable, match="belongs to user 12345"), server.running():
            pass
    finally:
        squatted.rmdir()


@as_root
def test_root_runs_it_as_an_ordinary_user(unborn: EmbeddedServer) -> None:
    """Started by root, the server and its files belong to an account without any of root's groups."""
    with unborn.running():
        status = Path(f"/proc/{postmaster(unborn)}/status").read_text()
        owners = {(path.name, path.stat().st_uid, path.stat().st_mode & 0o777) for path in unborn.folder.iterdir()}

    os_user = os_user_for(unborn.folder)
    assert os_user.uid != 0
    assert f"Uid:\t{os_user.uid}\t{os_user.uid}\t{os_user.uid}\t{os_user.uid}" in status
    assert "Groups:\t \n" in status
    assert owners == {
        ("data", os_user.uid, 0o700),
        ("run", os_user.uid, 0o700),
        ("lock", os_user.uid, 0o600),
        ("server.log", os_user.uid, 0o600),
    }


@as_root
def test_a_folder_keeps_its_owner(data_dir: Path) -> None:
    """A folder that already has an ordinary owner is served as that user, not as the usual account."""
    nobody = pwd.getpwnam("nobody")
    os.chown(data_dir, nobody.pw_uid, nobody.pw_gid)

    assert os_user_for(data_dir) == OsUser(uid=nobody.pw_uid, gid=nobody.pw_gid, name="nobody", switched=True)


@as_root
def test_an_unreachable_folder_is_named(data_dir: Path, binaries: Path) -> None:
    """A closed folder on the way is named in the error together with the option that helps, and stays as it was."""
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedServer(closed / "deep" / "postgres", binaries)

    with pytest.raises(FolderUnreachable, match="--data-dir") as caught, server.running():
        pass

    assert caught.value.parent == closed == unreachable_parent(server.folder)
    assert str(closed) in str(caught.value)
    assert closed.stat().st_mode & 0o777 == 0o700
    assert list(closed.iterdir()) == []


@as_root
@pytest.mark.thorough
def test_unreachable_programs_are_copied_once(data_dir: Path, binaries: Path) -> None:
    """Programs in a closed folder are copied beside the data, and the next start uses the same copy."""
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    package = binaries.parents[1]
    for path in (package, package.with_name(f"{package.name}.libs")):
        (closed / path.name).symlink_to(path)
    server = EmbeddedServer(data_dir / "postgres", closed / package.name / binaries.parent.name / "bin")

    with server.running():
        ask(server, "CREATE EXTENSION vector")
    first = [(path, path.stat().st_ino) for path in data_dir.glob("postgres-binaries-*")]
    with server.running():
        answer = ask(server, "SELECT '[1]'::vector")

    assert len(first) == 1
    assert [(path, path.stat().st_ino) for path in data_dir.glob("postgres-binaries-*")] == first
    assert answer == "[1]"


def test_a_folder_of_something_else_is_left_alone(unborn: EmbeddedServer) -> None:
    """A folder with files that no unborn server made is refused and not touched."""
    unborn.folder.mkdir(mode=0o755)
    (unborn.folder / "thesis.txt").write_text("years of work")

    with pytest.raises(FolderUnusable, match="something else"), unborn.running():
        pass

    assert [path.name for path in unborn.folder.iterdir()] == ["thesis.txt"]
    assert unborn.folder.stat().st_mode & 0o777 == 0o755


def test_a_data_folder_without_a_database_is_left_alone(unborn: EmbeddedServer) -> None:
    """A data folder that is no database is not written over."""
    (unborn.folder / "data").mkdir(parents=True)
    (unborn.folder / "data" / "thesis.txt").write_text("years of work")

    with pytest.raises(FolderUnusable, match="is no database"), unborn.running():
        pass

    assert (unborn.folder / "data" / "thesis.txt").read_text() == "years of work"


def test_a_failed_start_quotes_the_log_and_lets_go(embedded: EmbeddedServer) -> None:
    """What PostgreSQL said last stands in the error, and once it is mended the same folder starts."""
    config = embedded.folder / "data" / "postgresql.auto.conf"
    config.write_text("nonsense = 1\n")

    with pytest.raises(ServerFailed, match='unrecognized configuration parameter "nonsense"'), embedded.running():
        pass
    config.write_text("")
    with embedded.running():
        answer = ask(embedded, "SELECT 1")

    assert answer == "1"


def test_a_file_in_the_way_is_named(unborn: EmbeddedServer) -> None:
    """What the system refuses becomes one line with the folder in it and the option that helps."""
    unborn.folder.write_text("not a folder")

    with pytest.raises(FolderUnusable, match=r"Not a directory.*--data-dir"), unborn.running():
        pass


def test_missing_programs_are_named(data_dir: Path) -> None:
    """Without the programs the error says where they were looked for."""
    server = EmbeddedServer(data_dir / "postgres", data_dir / "nothing")

    with pytest.raises(BinariesMissing, match="nothing"), server.running():
        pass


async def test_every_test_has_a_database_of_its_own(postgres_server: EmbeddedServer, database: str) -> None:
    """Two databases of the suite's server start alike and know nothing of each other."""
    other = await create_database(postgres_server)
    async with connected(database) as ours, connected(other) as theirs:
        await ours.execute("CREATE TABLE mine (v vector(3))")
        tables = await theirs.fetchval("SELECT count(*) FROM pg_tables WHERE tablename = 'mine'")
    await drop_database(postgres_server, other)

    assert database != other
    assert tables == 0
