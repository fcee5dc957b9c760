"""The settings of the native provider, which open it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from observability.secret import Secret
from providers.embedders.settings import EmbedderSettings, LocalEmbedderSettings, Seconds
from providers.replica import Replica
from providers.types import Host

# The share of an operation's time limit that its vector may take; the rest is for the database.
SHARE_OF_EMBEDDING = 0.5

# What pgvector's halfvec holds, the type that vectors are stored in; source: its README, "Half-Precision Vectors".
MAX_DIMENSIONS = 16_000

# The advice about a model that makes more.
NARROWER = "set embedder.dimensions to fewer, if the model can shorten its vectors, or take another model"


def too_wide(dimensions: int) -> str | None:
    """Return why vectors of so many dimensions cannot be stored, None if they can be."""
    if dimensions <= MAX_DIMENSIONS:
        return None
    return f"{dimensions} dimensions are more than the {MAX_DIMENSIONS} that pgvector holds"


class NativeSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="native"):
    """PostgreSQL with pgvector.

    `dsn` absent means the embedded server in the data folder. `pool_size` is connections per worker process. `timeout`
    is seconds for an operation outside of a request; in a request the limit of its attempt counts.
    `pooler = "pgbouncer"` uses only what a transaction pooler allows. `vector_weight` is the share of the cosine in the
    fused score, the rest is the words'. `former_embedders` are asked for memories that still have vectors of an earlier
    model.
    """

    dsn: Secret | None = None
    pool_size: Annotated[int, Meta(ge=1, le=200)] = 10
    timeout: Seconds = 5.0
    pooler: Literal["none", "pgbouncer"] = "none"
    migrate: bool = True
    vector_weight: Annotated[float, Meta(ge=0, le=1)] = 0.5
    embedder: EmbedderSettings = field(default_factory=LocalEmbedderSettings)
    former_embedders: list[EmbedderSettings] = []

    @property
    def embedding_patience(self) -> float:
        """Seconds that an operation waits for its vector; without one in time it uses the words."""
        return self.timeout * SHARE_OF_EMBEDDING

    @asynccontextmanager
    async def open(self, host: Host) -> AsyncIterator[Replica]:
        """Hold a lazy pool for as long as the context lasts; the database may be down meanwhile."""
        from providers.native.opening import open_native

        async with open_native(self, host) as provider:
            yield provider
