"""The checks of one native provider in their order: server, database, schema, embedders."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from observability.secret import Secret
from providers.embedders.options import EmbedderKind
from providers.embedders.trying import EmbeddingResult, embedded_by
from providers.examination import clocks
from providers.examination.check import DATA_DIR, Check, Subject
from providers.examination.examination import CHECK_SECONDS
from providers.examination.outcome import CheckOutcome
from providers.native import findings
from providers.native.distribution.reading import CITUS
from providers.native.embedded import folder_of
from providers.native.embedder_check import embedder_of
from providers.native.opening import opened_schema
from providers.native.options import NativeOptions
from providers.native.server_check import server_of
from providers.postgres.examination import ExaminedDatabase
from providers.postgres.inspection import Address

_START_SECONDS = 60.0
_LOST = "without it memories are found by their words alone"


def checks_of(settings: NativeOptions, subject: Subject) -> Iterator[Check]:
    """Yield the checks of a provider's server, database, schema and embedders."""
    name, at = subject.host.name, subject.at
    needs: tuple[str, ...] = ()
    look_at = f"look at {at}.dsn, and whether the server runs and can be reached from here"
    if settings.embedded:
        look_at = "look at the server.log in its folder, and at `ninai db status`; be the user of the service"
        run = partial(server_of, name, folder_of(subject.host.data_dir, name), subject.meanwhile, look_at)
        # One that has to recover after a crash may need all the time that there is.
        yield Check(f"{at}.server", run, look_at, (DATA_DIR,), _START_SECONDS)
        needs = (f"{at}.server",)
    database = ExaminedDatabase(subject, lambda: _address(settings, subject), look_at)
    yield from database.checks(needs, {"pgvector": findings.pgvector_of})
    yield from _schema_checks(settings, subject, database)
    yield from _embedder_checks(settings, subject, database.reached)


def _address(settings: NativeOptions, subject: Subject) -> Address:
    dsn = Secret(settings.dsn_of(subject.host.name, subject.host.data_dir))
    return Address(dsn=dsn, through_pooler=settings.through_pooler)


def _schema_checks(settings: NativeOptions, subject: Subject, database: ExaminedDatabase) -> Iterator[Check]:
    async def schema() -> CheckOutcome:
        dsn = settings.owner_dsn_of(subject.host.name, subject.host.data_dir)
        async with opened_schema(dsn, pool_size=settings.pool_size, through_pooler=settings.through_pooler) as opened:
            state, known = await opened.state(), [step.id for step in opened.history()]
        return findings.schema_of(state, known, subject.host.name, migrates=settings.migrate)

    async def indexes() -> CheckOutcome:
        return await findings.indexes_of(database.reached())

    async def marks() -> CheckOutcome:
        return await findings.marks_of(database.reached())

    async def wall() -> CheckOutcome:
        return await findings.tenants_of(database.reached(), subject.host.name)

    async def distribution() -> CheckOutcome:
        dsn = settings.owner_dsn_of(subject.host.name, subject.host.data_dir)
        found = await database.reached().rows(CITUS)
        if not found:
            return findings.distribution_of(None, None)
        async with opened_schema(dsn, pool_size=settings.pool_size, through_pooler=settings.through_pooler) as opened:
            return findings.distribution_of(str(found[0][0]), await opened.distribution())

    async def versions() -> CheckOutcome:
        return clocks.versions_of(await findings.newest_version(database.reached()), subject.now)

    look_at, needs = f"look at `ninai db check {subject.host.name}`", (f"{subject.at}.schema",)
    yield Check(f"{subject.at}.schema", schema, look_at, (database.check, f"{subject.at}.pgvector"))
    yield Check(f"{subject.at}.indexes", indexes, look_at, needs)
    yield Check(f"{subject.at}.marks", marks, look_at, needs)
    yield Check(f"{subject.at}.tenants", wall, look_at, needs)
    yield Check(f"{subject.at}.versions", versions, look_at, needs)
    yield Check(f"{subject.at}.distribution", distribution, look_at, needs)


def _embedder_checks(settings: NativeOptions, subject: Subject, reached: Callable[[], Address]) -> Iterator[Check]:
    """Yield the checks of the embedders, and of the stored vectors."""
    made: list[EmbeddingResult] = []

    async def embedded(kind: EmbedderKind) -> CheckOutcome:
        made.append(await embedded_by(kind, subject.host.metrics, CHECK_SECONDS))
        return embedder_of(kind, made[-1], settings.embedding_patience)

    async def vectors() -> CheckOutcome:
        return await findings.vectors_of(reached(), str(made[0].model), made[0].dimensions)

    embedder = f"{subject.at}.embedder"
    yield Check(embedder, partial(embedded, settings.embedder), f"look at {embedder}; {_LOST}")
    for index, one in enumerate(settings.former_embedders):
        place = f"{subject.at}.former_embedders[{index}]"
        yield Check(place, partial(embedded, one), f"look at {place}; {_LOST}")
    look_at = f"look at `ninai db check {subject.host.name}`"
    yield Check(f"{subject.at}.vectors", vectors, look_at, (f"{subject.at}.schema", embedder))


def embedder_to_try(settings: NativeOptions, subject: Subject) -> Sequence[Check]:
    """Return the check whether the embedder embeds within the time that a request waits for its vector."""

    async def embed() -> None:
        await embedded_by(settings.embedder, subject.host.metrics, settings.embedding_patience)

    return [Check("embed", embed, f"{subject.at}.embedder; {_LOST}")]
