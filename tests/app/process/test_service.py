"""The service as a process: how it starts, stops, is killed, and what is left of it."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from app.auth.keys import hash_key
from tests.support.patience import patience_for
from tests.support.postgres import reachable_folder
from tests.support.service import NINAI, STOP_SECONDS, Service, environment, ninai, running_service

CLIENTS = 8
ENOUGH = 200  # acknowledged writes before the blow
READERS = 16


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account can reach."""
    with reachable_folder() as made:
        yield made


@pytest.fixture(scope="module")
def shared() -> Iterator[Service]:
    """A service with a database of its own."""
    with reachable_folder() as made, running_service(made, patience_for("native")) as started:
        yield started


@pytest.fixture
def service(shared: Service) -> Service:
    """It, running again if the test before has ended it."""
    if shared.main.poll() is not None:
        shared.kill_everything()
        shared.start()
    return shared


def remember(service: Service, content: str, **headers: str) -> httpx.Response:
    """Store one memory over the network."""
    return httpx.post(
        f"{service.url}/memory/remember", json={"content": content}, headers=headers, trust_env=False, timeout=10
    )


@pytest.mark.thorough
def test_head_is_answered_over_the_network(service: Service) -> None:
    """With the length that GET would have, and no byte of it: the connection can be used for what comes next."""
    with httpx.Client(base_url=service.url, trust_env=False, headers={"Accept-Encoding": "identity"}) as client:
        head, got = client.head("/openapi.json"), client.get("/openapi.json")

    assert (head.status_code, head.content, got.status_code) == (200, b"", 200)
    assert int(head.headers["content-length"]) == len(got.content)


def test_it_serves_stops_and_serves_again(service: Service) -> None:
    """SIGTERM ends it with code 0 and all of its processes with it; what was stored is there the next time."""
    memory_id = remember(service, "tea").json()["memory_id"]
    assert len(service.processes()) > 2
    assert service.terminate() == 0
    service.wait_until_gone()
    assert "Traceback" not in service.said()

    service.start()
    found = httpx.get(f"{service.url}/memory/memories/{memory_id}", trust_env=False)
    assert found.json()["content"] == "tea"


@pytest.mark.thorough
def test_what_it_logs_are_lines_of_json(folder: Path) -> None:
    """Everything but the one line with the address is an event in JSON, from the first to the last."""
    with running_service(folder, {"MEMORY_PROVIDER": "mock"}) as service:
        remember(service, "tea")
        service.terminate()
        lines = service.said().splitlines()

    others = [line for line in lines if not line.startswith("{")]
    assert re.fullmatch(
        r"ninaivalaigal on (\S+)  \(console \1/console, documentation \1/docs, metrics \1/metrics\)", "\n".join(others)
    ), others


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


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("victim", "rounds"),
    [
        ("everything", 1),
        *(pytest.param(victim, 20, marks=pytest.mark.soak) for victim in ("everything", "main", "workers")),
    ],
)
async def test_no_acknowledged_memory_is_lost(service: Service, victim: str, rounds: int) -> None:
    """Whatever of the service is killed in the middle of writes, every memory it said was stored is stored."""
    acknowledged: dict[str, str] = {}
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


@pytest.mark.soak
def test_killed_workers_come_back(folder: Path) -> None:
    """A service whose worker was killed serves again by itself, under the same address."""
    with running_service(folder, {"MEMORY_PROVIDER": "mock", "NINAI__SERVER__WORKERS": "2"}) as service:
        before = service.workers()
        service.kill_workers()
        service.wait_until_ready()

        assert remember(service, "tea").status_code == 200
        assert len(before) == 2
        assert not before & service.workers()


def test_workers_do_not_outlive_the_service(service: Service) -> None:
    """When the main process is killed nothing goes on listening, and PostgreSQL stops as well."""
    service.kill_main()
    service.wait_until_gone()

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{service.url}/livez", trust_env=False)


@pytest.mark.thorough
def test_it_ends_with_its_database(service: Service) -> None:
    """When its PostgreSQL is killed the service ends too and says so, and started again it has everything."""
    memory_id = remember(service, "tea").json()["memory_id"]
    postmaster = int((service.data_dir / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)

    assert service.main.wait(STOP_SECONDS) == 1
    assert service.said().splitlines()[-1].startswith("Error: the embedded PostgreSQL ended by itself: ")
    told = [json.loads(line) for line in service.said().splitlines() if line.startswith("{")]
    reasons = [(line["event"], line["reason"]) for line in told if line["event"] in {"stopping", "stopped"}]
    assert reasons == [(event, "the embedded PostgreSQL ended by itself") for event in ("stopping", "stopped")]
    service.wait_until_gone()
    service.start()
    assert httpx.get(f"{service.url}/memory/memories/{memory_id}", trust_env=False).json()["content"] == "tea"


def test_a_folder_serves_one_service(service: Service) -> None:
    """A second service on the same data says who holds it, in one line, and leaves the first alone."""
    second = ninai("serve", "--port", "0", "--data-dir", service.data_dir)

    assert (second.returncode, second.stdout) == (1, "")
    [line] = second.stderr.splitlines()
    assert line.startswith(f"Error: process {service.main.pid} already uses {service.data_dir}")
    assert remember(service, "tea").status_code == 200


@pytest.mark.thorough
def test_the_only_server_is_not_taken_down(service: Service) -> None:
    """Where there is no other provider the service keeps its server, and the command says why."""
    refused = ninai("db", "stop", "--data-dir", service.data_dir)
    ready = httpx.get(f"{service.url}/readyz", trust_env=False)

    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: native is the only provider in the order")
    assert ready.status_code == 200


@pytest.mark.thorough
def test_the_schema_is_looked_after_beside_the_service(service: Service) -> None:
    """The server that the service runs is used, and goes on."""
    check, upgrade, history = (
        ninai("db", command, "--data-dir", service.data_dir) for command in ("check", "upgrade", "history")
    )

    newest = upgrade.stdout.removeprefix("the schema is at ").strip()
    assert [(one.returncode, one.stderr) for one in (check, upgrade, history)] == [(0, "")] * 3
    assert check.stdout == f"the schema is at {newest}, this version has {newest}\n"
    assert history.stdout.splitlines()[-1].startswith(f"{newest}  applied  ")
    assert remember(service, "tea").status_code == 200


@pytest.mark.thorough
@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",  # noqa: S104 - that they are refused is the point
        *(pytest.param(host, marks=pytest.mark.soak) for host in ("::", "192.0.2.1")),
    ],
)
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
    assert (
        line == f"Error: port {port} of 127.0.0.1 is taken: stop the process that listens there, or pass another --port"
    )


@pytest.mark.soak
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


@pytest.mark.soak
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
