"""Which PostgreSQL cluster a database lives in: two in one fail together."""

from sqlalchemy import text

from providers.postgres.engine import open_pool
from providers.postgres.translate import TimeLimit, Writes, translated

# Apart, since a statement that names a function is refused as a whole to those who may not call it.
_MAY_ASK = text("SELECT has_function_privilege(to_regprocedure('pg_catalog.pg_control_system()'), 'EXECUTE')")
_ASK = text("SELECT system_identifier FROM pg_catalog.pg_control_system()")


async def cluster_of(dsn: str, *, seconds: float = 5.0, through_pooler: bool = False) -> str | None:
    """Give the identifier of the cluster behind a dsn, None if the server does not tell us.

    It was drawn when the cluster was made; a physical standby has that of its primary.

    Raises:
        Unavailable: the server cannot be asked within so many seconds.
    """
    async with (
        open_pool(dsn, pool_size=1, through_pooler=through_pooler) as engine,
        translated(TimeLimit(seconds), Writes.NOTHING),
        engine.connect() as connection,
    ):
        if not await connection.scalar(_MAY_ASK):
            return None
        return str(await connection.scalar(_ASK))
