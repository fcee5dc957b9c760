"""The PostgreSQL cluster of a database; two databases of one cluster fail together."""

from sqlalchemy import text

from providers.postgres.engine import open_pool
from providers.postgres.translate import PossibleWrites, TimeLimit, translated

# A statement of its own: one that names a function is refused as a whole if the role may not call it.
_MAY_ASK = text("SELECT has_function_privilege(to_regprocedure('pg_catalog.pg_control_system()'), 'EXECUTE')")
_ASK = text("SELECT system_identifier FROM pg_catalog.pg_control_system()")


async def cluster_of(dsn: str, *, seconds: float = 5.0, through_pooler: bool = False) -> str | None:
    """Return the identifier of the cluster behind a dsn, None if the server does not disclose it.

    It is generated when the cluster is initialised; a physical standby has that of its primary.

    Raises:
        Unavailable: the server does not answer within `seconds`.
    """
    async with (
        open_pool(dsn, pool_size=1, through_pooler=through_pooler) as engine,
        translated(TimeLimit(seconds), PossibleWrites.NOTHING),
        engine.connect() as connection,
    ):
        if not await connection.scalar(_MAY_ASK):
            return None
        return str(await connection.scalar(_ASK))
