"""The service as a process: how it starts, stops, is killed, and what is left of it."""

import asyncio
import os
import re
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import make_url

from app.auth.keys import hash_key
from providers.native.embedded import EmbeddedServer
from tests.support.patience import patience_for
from tests.support.postgres import connected, reachable_folder
from tests.support.service import NINAI, STOP_SECONDS, Service, environment, ninai, running_service

CLIENTS = 8
ENOUGH = 200  # acknowledged writes before the blow
READERS = 16


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account can reach."""
    with reachable_folder() as made:
        yield made


def remember(service: Service, content: str, **headers: str) -> httpx.Response:
    """Store one memory over the network."""
    return httpx.post(
        f"{service.url}/memory/remember", json={"content": content}, headers=headers, trust_env=False, timeout=10
    )


def test_it_serves_stops_and_serves_again(folder: Path) -> None:
    """SIGTERM ends it with code 0 and all of its processes with it; what was stored is there the next time."""
    with running_service(folder) as service:
        memory_id = remember(service, "tea").json()["memory_id"]
        assert len(service.processes()) > 2
        assert service.terminate() == 0
        service.wait_until_gone()
        assert "Traceback" not in service.said()

        service.start()
        found = httpx.get(f"{service.url}/memory/memories/{memory_id}", trust_env=False)
        assert found.json()["content"] == "tea"


def test_what_it_logs_are_lines_of_json(folder: Path) -> None:
    """Everything but the one line with the address is an event in JSON, from the first to the last."""
    with running_service(folder, {"MEMORY_PROVIDER": "mock"}) as service:
        remember(service, "tea")
        service.terminate()
        first, *events = service.said().splitlines()

    assert re.fullmatch(r"ninaivalaigal on (\S+)  \(documentation \1/docs, metrics \1/metrics\)", first), first
    assert [line for line in events if not line.startswith("{")] == []


class Writers:
    """Clients that store memories as fast as they can until the service is gone."""

    def __init__(self, url: str, start: int) -> None:
        self.acknowledged: dict[str, str] = {}
        self._url = url
        self._next = start
        self._enough, self._stop = asyncio.Event(), asyncio.Event()

    async def write_until(self, blow: Callable[[], None]) -> None:
        """Write from all clients at once, and strike when enough has been acknowledged."""
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(self._write())
            await self._enough.wait()
            blow()
            self._stop.set()

    async def _write(self) -> None:
        async with httpx.AsyncClient(base_url=self._url, trust_env=False, timeout=10) as http:
            while True:
                self._next += 1
                content = f"memory number {self._next}"
                try:
                    response = await http.post("/memory/remember", json={"content": content})
                except httpx.TransportError:
                    return
                if response.status_code == httpx.codes.OK:
                    self.acknowledged[response.json()["memory_id"]] = content
                    if len(self.acknowledged) >= ENOUGH:
                        self._enough.set()
                if self._stop.is_set():
                    return


async def contents_of(url: str, ids: list[str]) -> dict[str, str]:
    """What is stored under each id, by GET."""
    turns = asyncio.Semaphore(READERS)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10) as http:

        async def content(memory_id: str) -> str:
            async with turns:
                response = await http.get(f"/memory/memories/{memory_id}")
            return response.json()["content"] if response.status_code == httpx.codes.OK else response.text

        return dict(zip(ids, await asyncio.gather(*map(content, ids)), strict=True))


@pytest.mark.parametrize(
    ("victim", "rounds"),
    [
        ("everything", 1),
        *(pytest.param(victim, 20, marks=pytest.mark.soak) for victim in ("everything", "main", "workers")),
    ],
)
async def test_no_acknowledged_memory_is_lost(folder: Path, victim: str, rounds: int) -> None:
    """Whatever of the service is killed in the middle of writes, every memory it said was stored is stored."""
    acknowledged: dict[str, str] = {}
    with running_service(folder, patience_for("native")) as service:
        for number in range(rounds):
            writers = Writers(service.url, number * 1_000_000)
            await writers.write_until(getattr(service, f"kill_{victim}"))
            acknowledged |= writers.acknowledged
            assert len(writers.acknowledged) >= ENOUGH
            if victim == "workers":
                await asyncio.to_thread(service.wait_until_ready)
                assert service.terminate() == 0
            await asyncio.to_thread(service.wait_until_gone)
            await asyncio.to_thread(service.start)

            assert await contents_of(service.url, list(acknowledged)) == acknowledged


def test_killed_workers_come_back(folder: Path) -> None:
    """A service whose worker was killed serves again by itself, under the same address."""
    with running_service(folder, {"MEMORY_PROVIDER": "mock", "NINAI__SERVER__WORKERS": "2"}) as service:
        before = service.workers()
        service.kill_workers()
        service.wait_until_ready()

        assert remember(service, "tea").status_code == 200
        assert len(before) == 2
        assert not before & service.workers()


def test_workers_do_not_outlive_the_service(folder: Path) -> None:
    """When the main process is killed nothing goes on listening, and PostgreSQL stops as well."""
    with running_service(folder) as service:
        service.kill_main()
        service.wait_until_gone()

        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{service.url}/livez", trust_env=False)


def test_it_ends_with_its_database(folder: Path) -> None:
    """When its PostgreSQL is killed the service ends too and says so, and started again it has everything."""
    with running_service(folder) as service:
        memory_id = remember(service, "tea").json()["memory_id"]
        postmaster = int((service.data_dir / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)

        assert service.main.wait(STOP_SECONDS) == 1
        assert service.said().splitlines()[-1].startswith("Error: the embedded PostgreSQL ended by itself: ")
        service.wait_until_gone()
        service.start()
        assert httpx.get(f"{service.url}/memory/memories/{memory_id}", trust_env=False).json()["content"] == "tea"


def test_a_folder_serves_one_service(folder: Path) -> None:
    """A second service on the same data says who holds it, in one line, and leaves the first alone."""
    with running_service(folder) as service:
        second = ninai("serve", "--port", "0", "--data-dir", service.data_dir)

        assert (second.returncode, second.stdout) == (1, "")
        [line] = second.stderr.splitlines()
        assert line.startswith(f"Error: process {service.main.pid} already uses {service.data_dir}")
        assert remember(service, "tea").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - that they are refused is the point
def test_nobody_else_may_reach_it_without_keys(folder: Path, host: str) -> None:
    """Without authentication it does not listen to other machines: one line that says how to mend that, code 2."""
    refused = ninai("serve", "--host", host, "--port", "0", "--data-dir", folder / "data")

    assert (refused.returncode, refused.stdout) == (2, "")
    [line] = refused.stderr.splitlines()
    assert 'auth.mode = "api_key"' in line
    assert not (folder / "data").exists()


def test_a_busy_port_is_told_in_one_line(folder: Path) -> None:
    """A port that somebody else listens on ends the start with a clear error."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = ninai("serve", "--port", port, "--data-dir", folder / "data", MEMORY_PROVIDER="mock")

    assert refused.returncode == 1
    [line] = refused.stderr.splitlines()
    assert line == f"Error: port {port} of 127.0.0.1 is taken: stop who listens there, or pass another --port"


def test_a_key_from_the_command_line_opens_the_service(folder: Path) -> None:
    """The key that `ninai keys new` prints is let in by its hash, and no other is."""
    made = ninai("keys", "new", "ci", "--user", "alice")
    [key] = re.findall(r"ninai_\S+", made.stdout)
    file = folder / "ninai.toml"
    file.write_text('auth.mode = "api_key"\n' + made.stdout[made.stdout.index("[") :], "utf-8")

    with running_service(folder, {"MEMORY_PROVIDER": "mock", "NINAI_CONFIG": str(file)}) as service:
        inside = remember(service, "tea", Authorization=f"Bearer {key}")
        outside = remember(service, "tea", Authorization=f"Bearer {key}x")
        said = service.said()

    assert (inside.status_code, outside.status_code) == (200, 401)
    assert key not in said
    assert hash_key(key) not in said


def test_an_early_goodbye_leaves_nothing(folder: Path) -> None:
    """SIGTERM while it is still starting ends it with everything it had started."""
    service = Service(folder)
    process = subprocess.Popen(  # noqa: S603 - our own command
        [NINAI, "serve", "--port", "0", "--data-dir", service.data_dir],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    service.adopt(process)
    service.wait_for_file(service.data_dir / "postgres" / "data" / "postmaster.pid")

    assert service.terminate() != 1
    service.wait_until_gone()


@pytest_asyncio.fixture
async def empty_database(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """The dsn of a database that nothing was ever done to."""
    name = f"empty_{uuid4().hex}"
    async with connected(postgres_server.dsn) as connection:
        await connection.execute(f"CREATE DATABASE {name}")
        yield make_url(postgres_server.dsn).set(database=name).render_as_string(hide_password=False)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_the_schema_is_looked_after_by_hand(empty_database: str) -> None:
    """`ninai db` tells where a schema stands and of which steps it is made, and brings it up, once and again."""
    commands = ["check", "history", "upgrade", "upgrade", "check", "history"]

    behind, pending, upgraded, again, current, applied = (
        ninai("db", command, DATABASE_URL=empty_database) for command in commands
    )

    steps = [line.split("  ") for line in pending.stdout.splitlines()]
    newest = steps[-1][0]
    assert [one.stderr for one in (behind, pending, upgraded, again, current, applied)] == [""] * 6
    assert (behind.returncode, behind.stdout) == (1, f"the schema is at nothing yet, this version has {newest}\n")
    assert (upgraded.returncode, upgraded.stdout) == (0, f"the schema is at {newest}\n")
    assert (again.returncode, again.stdout) == (0, f"the schema is at {newest}\n")
    assert (current.returncode, current.stdout) == (0, f"the schema is at {newest}, this version has {newest}\n")
    assert {state for _, state, _ in steps} == {"pending"}
    assert applied.stdout == pending.stdout.replace("  pending  ", "  applied  ")


def test_the_embedded_schema_is_looked_after_by_hand(folder: Path) -> None:
    """`ninai db` works on the embedded database as well, which it starts for as long as that takes."""
    data = {"NINAI__DATA_DIR": str(folder / "data")}

    behind, upgraded, applied = (ninai("db", command, **data) for command in ("check", "upgrade", "history"))

    assert [one.returncode for one in (behind, upgraded, applied)] == [1, 0, 0]
    assert [one.stderr for one in (behind, upgraded, applied)] == [""] * 3
    assert all("  applied  " in line for line in applied.stdout.splitlines())


def test_a_schema_out_of_reach_is_told_in_one_line(folder: Path) -> None:
    """Where no database answers, or none is configured, `ninai db` says so and ends with code 1."""
    missing = f"postgresql://ninai@/ninai?host={folder}&port=5432"
    for variables, words in (({"DATABASE_URL": missing}, "database"), ({"MEMORY_PROVIDER": "mock"}, "native")):
        refused = ninai("db", "check", **variables)

        [line] = refused.stderr.splitlines()
        assert (refused.returncode, refused.stdout) == (1, "")
        assert line.startswith("Error: ")
        assert words in line
