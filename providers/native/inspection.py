"""Facts about the tables of a native provider, by statements that only read."""

from providers.postgres.inspection import Address

_SAMPLE = 1_000  # memories whose vectors are looked at
_SAMPLE_OF_VERSIONS = 100_000  # no index has them, and a check must not read a table of any size

_OTHER_DIMENSIONS = """
    SELECT embedding_dims, count(*) FROM (
        SELECT embedding_dims FROM ninai_memories WHERE deleted_at IS NULL AND embedding_model = $1 LIMIT $2
    ) AS sample
    WHERE embedding_dims <> $3 GROUP BY 1 ORDER BY 2 DESC
"""
_NEWEST_VERSION = "SELECT coalesce(max(version), 0) FROM (SELECT version FROM ninai_memories LIMIT $1) AS sample"
_WANTED_MODEL = "SELECT embedding_model FROM ninai_store"


async def other_dimensions(address: Address, model: str, dimensions: int) -> dict[int, int]:
    """Count, in a sample, the memories with a vector of this model that has other dimensions, by dimensions."""
    rows = await address.rows(_OTHER_DIMENSIONS, (model, _SAMPLE, dimensions))
    return {int(stored): int(count) for stored, count in rows}


async def newest_version(address: Address) -> int:
    """Return the greatest version in a sample of the memories, 0 if there are none."""
    [[version]] = await address.rows(_NEWEST_VERSION, (_SAMPLE_OF_VERSIONS,))
    return int(version)


async def wanted_models(address: Address) -> list[str]:
    """Return the model that the process which started last embeds with, or nothing if none has said so yet."""
    return [str(model) for [model] in await address.rows(_WANTED_MODEL) if model is not None]
