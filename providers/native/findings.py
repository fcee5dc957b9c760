"""The outcomes of the checks of a native provider's database, one function for each."""

from providers.examination.outcome import CheckOutcome, CheckStatus, error, ok, warning
from providers.migrations import Distributing, SchemaState, WallState
from providers.native.distribution.forms import distributed_text
from providers.native.distribution.reading import IN_FORM
from providers.native.row_security import LEADS, MARK, STATE, wall_state_of
from providers.native.wall import ALL
from providers.postgres.inspection import Address, DatabaseFacts

# That which brought halfvec and sparsevec.
LEAST_PGVECTOR = (0, 7)

_SAMPLE = 1_000  # memories whose vectors are looked at
_SAMPLE_OF_VERSIONS = 100_000  # no index has them, and a check must not read a table of any size

OTHER_DIMENSIONS = f"""
    SELECT embedding_dims, count(*) FROM (
        SELECT embedding_dims FROM ninai_memories WHERE {ALL} AND deleted_at IS NULL AND embedding_model = $1 LIMIT $2
    ) AS sample
    WHERE embedding_dims <> $3 GROUP BY 1 ORDER BY 2 DESC
"""  # noqa: S608 - joined from constants
NEWEST_VERSION = f"""
    SELECT coalesce(max(version), 0) FROM (SELECT version FROM ninai_memories WHERE {ALL} LIMIT $1) AS sample
"""  # noqa: S608 - joined from constants
_WANTED_MODEL = "SELECT embedding_model FROM ninai_store"
_MAY_MARK = "SELECT current_user, has_table_privilege('ninai_store', 'UPDATE')"
_INVALID = """
    SELECT indexed.relname FROM pg_catalog.pg_index
    JOIN pg_catalog.pg_class AS indexed ON indexed.oid = indexrelid
    JOIN pg_catalog.pg_class AS of_table ON of_table.oid = indrelid
    WHERE NOT indisvalid AND starts_with(of_table.relname, 'ninai_') AND pg_table_is_visible(of_table.oid)
    ORDER BY 1
"""
_COUNT_INDEXES = """
    SELECT count(*) FROM pg_catalog.pg_index JOIN pg_catalog.pg_class AS of_table ON of_table.oid = indrelid
    WHERE starts_with(of_table.relname, 'ninai_') AND pg_table_is_visible(of_table.oid)
"""


def pgvector_of(facts: DatabaseFacts) -> CheckOutcome:
    """Return whether pgvector is there, and new enough."""
    least = ".".join(map(str, LEAST_PGVECTOR))
    install = f"install pgvector {least} or newer on the server"
    offered = facts.pgvector_offered
    offers = offered is not None and _parsed(offered) >= LEAST_PGVECTOR
    if facts.pgvector is not None:
        found = f"pgvector {facts.pgvector}"
        if _parsed(facts.pgvector) >= LEAST_PGVECTOR:
            return ok(found)
        return error(
            f"{found}, and {least} is needed",
            "run ALTER EXTENSION vector UPDATE" if offers else f"{install}, then update",
        )
    if offers:
        return warning(
            f"not in this database yet; the server offers {offered}",
            "`ninai db upgrade` makes it, as a role that may: CREATE EXTENSION vector",
        )
    return error("the server has none" if offered is None else f"the server offers {offered} alone", install)


def schema_of(state: SchemaState, known: list[str], name: str, *, migrates: bool) -> CheckOutcome:
    """Return whether the schema is that of this version; `known` are its revisions."""
    found = f"at {state.current or 'nothing yet'}, this version has {state.newest}"
    if state.usable:
        if state.current not in known:
            return warning(f"{found}: a newer version made it", "bring this program up to that version")
        return ok(found)
    upgrade = f"run `ninai db upgrade {name}`"
    if migrates:
        return warning(found, f"{upgrade}, or let the service do it when it starts", blocks=True)
    return error(found, upgrade)


async def indexes_of(address: Address) -> CheckOutcome:
    """Return whether every index is used."""
    invalid = [str(name) for [name] in await address.rows(_INVALID)]
    if invalid:
        orders = "; ".join(f"REINDEX INDEX CONCURRENTLY {index}" for index in invalid)
        return error(f"not valid: {', '.join(invalid)}", orders)
    [[count]] = await address.rows(_COUNT_INDEXES)
    if await is_distributed(address):
        return ok(f"{count} indexes, all of them valid; those of the shards were not looked at")
    return ok(f"{count} indexes, all of them valid")


async def marks_of(address: Address) -> CheckOutcome:
    """Return whether the role may leave the marks by which a database is recognised that was put back."""
    [[role, granted]] = await address.rows(_MAY_MARK)
    if granted:
        return ok("the role may update ninai_store")
    return warning(
        f"the role {role} may not update ninai_store: a restored database is not noticed by its mark",
        "GRANT UPDATE ON ninai_store to it, and restart the service",
    )


async def is_distributed(address: Address) -> bool:
    """Return whether the memories have the form to be distributed."""
    [[in_form]] = await address.rows(IN_FORM)
    return bool(in_form)


def distribution_of(citus: str | None, plan: Distributing | None) -> CheckOutcome:
    """Return whether the memories are where Citus should have them; there is no plan where it is not."""
    if citus is None or plan is None:
        return ok("on one server")
    if plan.steps:
        left = "; ".join(step.title for step in plan.steps)
        return error(f"Citus {citus} is here, and this is still to be done: {left}", "run `ninai db distribute`")
    if plan.advice:
        return warning(f"distributed by Citus {citus}; {'; '.join(plan.advice)}", "change these settings of the nodes")
    return ok(f"distributed by Citus {citus}")


async def tenants_of(address: Address, name: str) -> CheckOutcome:
    """Return whether the database itself keeps tenants apart, where it can."""
    if await is_distributed(address):
        return ok("distributed memories have no row-level security: their keys keep tenants apart")
    [row] = await address.rows(STATE)
    wall = wall_of(state := wall_state_of(row), name)
    if wall.status is not CheckStatus.OK or not state.up:
        return wall
    [[leads]] = await address.rows(LEADS)
    if leads:
        return wall
    return warning(
        f"{wall.found}, but lists by a rare value of metadata look through all memories of their user: `@>` is not"
        " marked as leakproof in this database",
        f"let a superuser run there: {MARK};",
    )


def wall_of(state: WallState, name: str) -> CheckOutcome:
    """Return whether the database itself keeps tenants apart, where there are several."""
    if state.up and not state.bypassed:
        return ok(f"row-level security is on, and holds the role {state.role}")
    if not state.up and not state.tenants:
        return ok("off, and there are memories of one tenant alone")
    if not state.up:
        return warning(
            "there are memories of several tenants, and row-level security is off", f"run `ninai db wall {name}`"
        )
    return warning(
        f"row-level security is on, but the role {state.role} passes it by: it is a superuser or has BYPASSRLS",
        "let the service connect as a role without, that has the rights to read and write the tables",
    )


async def vectors_of(address: Address, model: str, dimensions: int) -> CheckOutcome:
    """Return whether stored vectors are comparable with those of the embedder now, and are to be of its model."""
    others = await address.rows(await _formed(address, OTHER_DIMENSIONS), (model, _SAMPLE, dimensions))
    if others:
        stored = ", ".join(f"{count} of {other} dimensions" for other, count in others)
        return error(
            f"{model} makes {dimensions} dimensions now, but stored are {stored} among those looked at",
            "give the model that was exchanged a name of its own: until then those are found by their words alone",
        )
    different = [wanted for [wanted] in await address.rows(_WANTED_MODEL) if wanted not in {None, model}]
    if different:
        return warning(
            f"{model} is configured, but the process that started last embeds with {different[0]}",
            "configure one embedder for all processes: the one that starts last embeds everything anew",
        )
    return ok(f"those of {model} have {dimensions} dimensions")


async def newest_version(address: Address) -> int:
    """Return the greatest version in a sample of the memories, 0 if there are none."""
    [[version]] = await address.rows(await _formed(address, NEWEST_VERSION), (_SAMPLE_OF_VERSIONS,))
    return int(version)


async def _formed(address: Address, sql: str) -> str:
    return distributed_text(sql) if await is_distributed(address) else sql


def _parsed(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
