"""The checks of one native provider in their order: server, database, schema, embedders."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial

from msgspec import Struct

from observability.secret import Secret
from providers.embedders.options import EmbedderKind
from providers.examination import clocks
from providers.examination.check import DATA_DIR, Check, Subject
from providers.examination.examination import CHECK_SECONDS
from providers.examination.outcome import CheckOutcome, ok
from providers.migrations import Migrations
from providers.native import findings
from providers.native.embedded import folder_of
from providers.native.embedder_check import EmbeddingResult, embedded_by, embedder_of
from providers.native.inspection import newest_version
from providers.native.server_check import START_SECONDS, server_of
from providers.postgres import facts
from providers.postgres.clock_check import compared
from providers.postgres.inspection import Address, DatabaseFacts

_JUDGES: dict[str, Callable[[DatabaseFacts], CheckOutcome]] = {
    "version": facts.version_of,
    "writable": facts.writable_of,
    "pgvector": findings.pgvector_of,
}
_LOST = "without it memories are found by their words alone"


class DatabaseSubject(Struct, frozen=True, kw_only=True):
    """The database to be examined; `migrate` if the service brings its schema up to this version."""

    dsn: Callable[[], str]
    embedded: bool
    through_pooler: bool
    migrate: bool
    migrations: Callable[[], AbstractAsyncContextManager[Migrations]]


class DatabaseChecks:
    """The checks of a database and its schema, each of which may build upon what others before it have found."""

    def __init__(self, subject: Subject, database: DatabaseSubject) -> None:
        self._subject = subject
        self._database = database
        self._at = subject.at
        self._name = subject.host.name
        self._address: Address | None = None
        self._facts: list[DatabaseFacts] = []

    def reached(self) -> Address:
        """Return the database, which has answered."""
        if self._address is None:
            raise RuntimeError("a check of the database needs that it answers")
        return self._address

    def checks(self) -> Iterator[Check]:
        """Yield them in their order."""
        server, database = f"{self._at}.server", f"{self._at}.database"
        look_at = f"look at {self._at}.dsn, and whether the server runs and can be reached from here"
        if self._database.embedded:
            look_at = "look at the server.log in its folder, and at `ninai db status`; be the user of the service"
            folder = folder_of(self._subject.host.data_dir, self._name)
            run = partial(server_of, self._name, folder, self._subject.meanwhile, look_at)
            yield Check(server, run, look_at, (DATA_DIR,), 2 * START_SECONDS)
        yield Check(database, self._reach, look_at, (server,) if self._database.embedded else ())
        for part, judge in _JUDGES.items():
            yield Check(f"{self._at}.{part}", partial(self._judged, judge), look_at, (database,))
        yield Check(f"{self._at}.clock", self._clock, look_at, (database,))
        yield from self._of_schema()

    def _of_schema(self) -> Iterator[Check]:
        schema, look_at = f"{self._at}.schema", f"look at `ninai db check {self._name}`"
        yield Check(schema, self._schema, look_at, (f"{self._at}.database", f"{self._at}.pgvector"))
        yield Check(f"{self._at}.indexes", self._indexes, look_at, (schema,))
        yield Check(f"{self._at}.versions", self._versions, look_at, (schema,))

    async def _reach(self) -> CheckOutcome:
        address = Address(dsn=Secret(self._database.dsn()), through_pooler=self._database.through_pooler)
        self._facts.append(await address.facts())
        self._address = address
        return ok("it answers")

    async def _judged(self, judge: Callable[[DatabaseFacts], CheckOutcome]) -> CheckOutcome:
        return judge(self._facts[0])

    async def _clock(self) -> CheckOutcome:
        return await compared(self.reached(), self._subject.now)

    async def _schema(self) -> CheckOutcome:
        async with self._database.migrations() as opened:
            state, known = await opened.state(), [step.id for step in opened.history()]
        return findings.schema_of(state, known, self._name, migrates=self._database.migrate)

    async def _indexes(self) -> CheckOutcome:
        return await findings.indexes_of(self.reached())

    async def _versions(self) -> CheckOutcome:
        return clocks.versions_of(await newest_version(self.reached()), self._subject.now)


def embedder_checks(
    subject: Subject,
    reached: Callable[[], Address],
    current: EmbedderKind,
    former: Sequence[EmbedderKind],
    *,
    patience: float,
) -> Iterator[Check]:
    """Yield the checks of the embedders, and of the stored vectors; `patience` is seconds that a request waits."""
    made: list[EmbeddingResult] = []

    async def embedded(kind: EmbedderKind) -> CheckOutcome:
        made.append(await embedded_by(kind, subject.host.metrics, CHECK_SECONDS))
        return embedder_of(kind, made[-1], patience)

    async def vectors() -> CheckOutcome:
        return await findings.vectors_of(reached(), str(made[0].model), made[0].dimensions)

    embedder = f"{subject.at}.embedder"
    yield Check(embedder, partial(embedded, current), f"look at {embedder}; {_LOST}")
    for index, one in enumerate(former):
        place = f"{subject.at}.former_embedders[{index}]"
        yield Check(place, partial(embedded, one), f"look at {place}; {_LOST}")
    look_at = f"look at `ninai db check {subject.host.name}`"
    yield Check(f"{subject.at}.vectors", vectors, look_at, (f"{subject.at}.schema", embedder))


def embedder_to_try(subject: Subject, embedder: EmbedderKind, patience: float) -> Sequence[Check]:
    """Return the check whether an embedder embeds within `patience` seconds."""

    async def embed() -> None:
        await embedded_by(embedder, subject.host.metrics, patience)

    return [Check("embed", embed, f"{subject.at}.embedder; {_LOST}")]
