"""The checks of one native provider in their order: server, database, schema, embedders."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from app.doctor import clocks, native
from app.doctor.database import Address, DatabaseFacts
from app.doctor.embedding import EmbeddingResult, embedded_by, embedder_of
from app.doctor.examination import Examination
from app.doctor.finding import CheckOutcome, ok
from app.doctor.folder import DATA_DIR
from app.doctor.servers import START_SECONDS, server_of
from app.process.host import offline_host
from app.settings import Settings
from observability.secret import Secret
from providers.native.embedded import folder_of
from providers.native.opening import opened_schema
from providers.native.settings import NativeSettings

_JUDGES: dict[str, Callable[[DatabaseFacts], CheckOutcome]] = {
    "version": native.version_of,
    "writable": native.writable_of,
    "pgvector": native.pgvector_of,
}


class NativeExamination:
    """`servers` ends the embedded server, if it runs for these checks alone.

    `address` is the database, None as long as it has not answered.
    """

    def __init__(
        self,
        examination: Examination,
        settings: Settings,
        name: str,
        provider: NativeSettings,
        now: Callable[[], float],
        servers: ExitStack,
    ) -> None:
        self.address: Address | None = None
        self._check = examination.check
        self._name = name
        self._at = f"providers.{name}"
        self._provider = provider
        self._data_dir = settings.data_dir
        self._now = now
        self._servers = servers

    async def examine(self) -> None:
        """Make all but that of its health."""
        await self._check_database()
        await self._check_schema()
        await self._check_embedders()

    async def _check_database(self) -> None:
        server, database = f"{self._at}.server", f"{self._at}.database"
        embedded = self._provider.dsn is None
        look_at = f"look at {self._at}.dsn, and whether the server runs and can be reached from here"
        if embedded:
            look_at = "look at the server.log in its folder, and at `ninai db status`; be the user of the service"
            run = partial(server_of, self._name, folder_of(self._data_dir, self._name), self._servers)
            await self._check(server, run, advice=look_at, needs=(DATA_DIR,), seconds=2 * START_SECONDS)
        seen: list[DatabaseFacts] = []

        async def reached() -> CheckOutcome:
            dsn = Secret(self._provider.dsn_of(self._name, self._data_dir))
            address = Address(dsn=dsn, through_pooler=self._provider.through_pooler)
            seen.append(await address.facts())
            self.address = address
            return ok("it answers")

        async def judged(judge: Callable[[DatabaseFacts], CheckOutcome]) -> CheckOutcome:
            return judge(seen[0])

        async def compared() -> CheckOutcome:
            return await clocks.compared(self._reached, self._now)

        await self._check(database, reached, advice=look_at, needs=(server,) if embedded else ())
        for part, judge in _JUDGES.items():
            await self._check(f"{self._at}.{part}", partial(judged, judge), advice=look_at, needs=(database,))
        await self._check(f"{self._at}.clock", compared, advice=look_at, needs=(database,))

    async def _check_schema(self) -> None:
        async def at_this_version() -> CheckOutcome:
            dsn, provider = self._provider.dsn_of(self._name, self._data_dir), self._provider
            opening = opened_schema(dsn, pool_size=provider.pool_size, through_pooler=provider.through_pooler)
            async with opening as opened:
                state, known = await opened.state(), [step.id for step in opened.history()]
            return native.schema_of(state, known, self._name, migrates=self._provider.migrate)

        async def indexes() -> CheckOutcome:
            return await native.indexes_of(self._reached)

        async def versions() -> CheckOutcome:
            return clocks.versions_of(await self._reached.newest_version(), self._now)

        schema, look_at = f"{self._at}.schema", f"look at `ninai db check {self._name}`"
        needs = (f"{self._at}.database", f"{self._at}.pgvector")
        await self._check(schema, at_this_version, advice=look_at, needs=needs)
        await self._check(f"{self._at}.indexes", indexes, advice=look_at, needs=(schema,))
        await self._check(f"{self._at}.versions", versions, advice=look_at, needs=(schema,))

    async def _check_embedders(self) -> None:
        metrics = offline_host(self._name, self._data_dir).metrics
        patience = self._provider.embedding_patience
        made: list[EmbeddingResult] = []

        async def current() -> CheckOutcome:
            made.append(await embedded_by(self._provider.embedder, metrics))
            return embedder_of(self._provider.embedder, made[0], patience)

        async def former(index: int) -> CheckOutcome:
            choice = self._provider.former_embedders[index]
            return embedder_of(choice, await embedded_by(choice, metrics), patience)

        async def vectors() -> CheckOutcome:
            return await native.vectors_of(self._reached, str(made[0].model), made[0].dimensions)

        embedder = f"{self._at}.embedder"
        lost = "without it memories are found by their words alone"
        await self._check(embedder, current, advice=f"look at {embedder}; {lost}")
        for index in range(len(self._provider.former_embedders)):
            place = f"{self._at}.former_embedders[{index}]"
            await self._check(place, partial(former, index), advice=f"look at {place}; {lost}")
        look_at = f"look at `ninai db check {self._name}`"
        await self._check(f"{self._at}.vectors", vectors, advice=look_at, needs=(f"{self._at}.schema", embedder))

    @property
    def _reached(self) -> Address:
        if self.address is None:
            raise RuntimeError("a check of the database needs that it answers")
        return self.address
