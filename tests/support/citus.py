"""A cluster of Citus that somebody has, as the server on which the tests of the native provider make their databases.

`pytest --citus postgresql+asyncpg://...` names its coordinator, as a superuser. A database of Citus cannot be copied
from a template, so each is made on every node, and the provider's own migration distributes it.
"""

from uuid import uuid4

from msgspec import Struct
from sqlalchemy import URL, make_url

from providers.native.engine import open_engine
from providers.native.schema import Schema
from tests.support.postgres import connected

_NODES = "SELECT nodename, nodeport FROM pg_dist_node WHERE noderole = 'primary' AND groupid <> 0 ORDER BY nodeid"


class CitusCluster(Struct, frozen=True):
    """A cluster, by the dsn of a database at its coordinator in which Citus has its workers."""

    dsn: str

    async def create_database(self) -> str:
        """Make a database on all nodes, with its schema distributed, and return its dsn at the coordinator."""
        name = f"test_{uuid4().hex}"
        coordinator, workers = await self._nodes()
        for node in (coordinator, *workers):
            async with connected(_text(node)) as connection:
                await connection.execute(f"CREATE DATABASE {name}")
            async with connected(_text(node.set(database=name))) as connection:
                await connection.execute("CREATE EXTENSION citus; CREATE EXTENSION vector")
        dsn = _text(coordinator.set(database=name))
        async with connected(dsn) as connection:
            await connection.execute("SELECT citus_set_coordinator_host($1, $2)", coordinator.host, coordinator.port)
            for worker in workers:
                await connection.execute("SELECT citus_add_node($1, $2)", worker.host, worker.port)
        async with open_engine(dsn, pool_size=1) as engine:
            await Schema(engine).upgrade()
        return dsn

    async def drop_database(self, dsn: str) -> None:
        """Drop a database on all nodes, the workers' first."""
        name = make_url(dsn).database
        coordinator, workers = await self._nodes()
        async with connected(dsn) as connection:
            await connection.execute("DROP TABLE IF EXISTS ninai_memories CASCADE")
        for node in (*workers, coordinator):
            async with connected(_text(node)) as connection:
                await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def _nodes(self) -> tuple[URL, list[URL]]:
        coordinator = make_url(self.dsn)
        async with connected(self.dsn) as connection:
            rows = await connection.fetch(_NODES)
        return coordinator, [coordinator.set(host=row["nodename"], port=row["nodeport"]) for row in rows]


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)
