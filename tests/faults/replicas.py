"""Three replicas of the real service behind the real HAProxy, over two databases and a journal that they share."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from observability.secret import Secret
from providers.journal.postgres.settings import PostgresJournalSettings
from tests.faults.lab import JOURNAL, NAMES, Stores, running_databases
from tests.faults.load import Caller
from tests.support.following import eventually
from tests.support.haproxy import BY_USER, HAProxy, haproxy
from tests.support.patience import patience_for
from tests.support.postgres import reachable_folder
from tests.support.service import START_SECONDS, Service, ninai

REPLICAS = ("one", "two", "three")
DRAIN_SECONDS = 2
PEPPER = "p" * 32
LIMIT = 10  # of a recall that names none, as configured first

_LOOK_SECONDS = 0.05

_CONFIG = """
order = ["home", "standby"]
recall_limit = {limit}

[auth]
mode = "api_key"
keys_path = "{keys}"

[journal]
kind = "postgres"
dsn = "{journal}"

[providers.home]
kind = "native"
dsn = "{home}"
pool_size = 5

[providers.standby]
kind = "native"
dsn = "{standby}"
pool_size = 5
"""


class Replicas:
    """The replicas by name, what they share, and the load balancer before them."""

    def __init__(self, stores: Stores, folder: Path) -> None:
        self.stores, self._folder = stores, folder
        self.front: HAProxy
        self.services: dict[str, Service] = {}
        self.common = folder / "common"
        self.configuration = folder / "ninai.toml"
        self._keys = self.common / "keys.json"
        self.configure(LIMIT)
        self.operator = self.key("new", "ops", "--scope", "admin")  # without any key no replica would start

    def configure(self, limit: int) -> None:
        """Write the configuration that all of them follow."""
        dsns = {name: database.dsn for name, database in self.stores.databases.items()}
        self.configuration.write_text(_CONFIG.format(keys=self._keys, limit=limit, **dsns))

    def key(self, *arguments: str) -> str:
        """Run `ninai keys` as an operator does, and return the key that it shows, if any."""
        variables = {"NINAI_CONFIG": str(self.configuration), "NINAI__AUTH__PEPPER": PEPPER}
        done = ninai("keys", *arguments, "--json", **variables, NINAI__DATA_DIR=str(self._folder / "operator"))
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout).get("key", ""))

    def variables(self, code: Path | None) -> dict[str, str]:
        """Return the environment of a replica: of this code, or of a former one, which knows no common folder."""
        of_code = {"NINAI__SHARED_DIR": str(self.common)} if code is None else {"PYTHONPATH": str(code)}
        patience = {key: value for name in NAMES for key, value in patience_for(name).items()}
        shared = {
            "NINAI_CONFIG": str(self.configuration),
            "NINAI__AUTH__PEPPER": PEPPER,
            "NINAI__SERVER__DRAIN": str(DRAIN_SECONDS),
        }
        return patience | shared | of_code

    async def stop(self, name: str) -> None:
        """Stop a replica as an update does; the load balancer sees in time that it leaves."""
        assert await asyncio.to_thread(self.services[name].terminate) == 0

    async def kill(self, name: str) -> None:
        """End all processes of a replica at once, in the middle of whatever they do."""
        await asyncio.to_thread(self.services[name].kill_everything)

    def kill_all(self) -> None:
        """End all replicas, whether or not they run."""
        for service in self.services.values():
            service.kill_everything()

    async def start(self, name: str, code: Path | None = None) -> None:
        """Start a replica again at the same place, with this code or a former one, until requests are sent there."""
        before = self.services[name]
        port = int(before.url.rsplit(":", 1)[1])
        self.services[name] = Service(before.folder, self.variables(code))
        await asyncio.to_thread(self.services[name].start, port)
        await self.ready(name)

    async def ready(self, name: str) -> None:
        """Wait until the load balancer sends requests to a replica."""
        async with asyncio.timeout(START_SECONDS):
            while not self.front.is_ready(name):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(_LOOK_SECONDS)

    async def all_answer(self, look: Callable[[httpx.AsyncClient], Awaitable[bool]], key: str, seconds: float) -> None:
        """Wait, so many seconds at most, until a look at each of the replicas itself is true."""
        async with AsyncExitStack() as stack:
            headers = {"Authorization": f"Bearer {key}"}
            clients = [
                await stack.enter_async_context(
                    httpx.AsyncClient(base_url=service.url, headers=headers, trust_env=False, timeout=10)
                )
                for service in self.services.values()
            ]

            async def all_of_them() -> bool:
                return all([await look(client) for client in clients])

            await eventually(all_of_them, seconds)


def caller(name: str, key: str) -> Caller:
    """Return the caller who has a key."""
    return Caller(name, {"Authorization": f"Bearer {key}"})


@asynccontextmanager
async def running_replicas(code: Path | None = None) -> AsyncIterator[Replicas]:
    """Run all of them, with this code or a former one, complete from the start."""
    with reachable_folder() as folder, running_databases(folder, *NAMES, JOURNAL) as databases:
        journal = PostgresJournalSettings(dsn=Secret(databases[JOURNAL].dsn))
        replicas = Replicas(Stores(databases, journal), folder)
        async with AsyncExitStack() as stack:
            stack.callback(replicas.kill_all)
            for name in REPLICAS:
                own = folder / name
                own.mkdir()
                service = replicas.services[name] = Service(own, replicas.variables(code))
                await asyncio.to_thread(service.start)
            await replicas.stores.complete()
            ports = {name: int(one.url.rsplit(":", 1)[1]) for name, one in replicas.services.items()}
            replicas.front = await stack.enter_async_context(haproxy(ports, folder, BY_USER))
            for name in REPLICAS:
                await replicas.ready(name)
            yield replicas
