"""The settings of the native provider, which open it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from observability.secret import Secret
from providers.embedders.openai_options import Seconds
from providers.embedders.settings import EmbedderSettings, LocalEmbedderSettings
from providers.replica import Replica
from providers.types import Host

# The share of an operation's time limit that its vector may take; the rest is for the database.
SHARE_OF_EMBEDDING = 0.5


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

    @property
    def through_pooler(self) -> bool:
        """Whether connections use only what a transaction pooler allows."""
        return self.pooler == "pgbouncer"

    def dsn_of(self, name: str, data_dir: Path) -> str:
        """Return the configured database, or else that of the embedded server of the provider of this name."""
        if self.dsn is not None:
            return self.dsn.reveal()
        from providers.native.embedded import EmbeddedServer, folder_of

        return EmbeddedServer(folder_of(data_dir, name)).dsn

    @asynccontextmanager
    async def open(self, host: Host) -> AsyncIterator[Replica]:
        """Hold a provider; the database may be down meanwhile."""
        from providers.native.opening import open_database, open_provider

        dsn = self.dsn_of(host.name, host.data_dir)
        async with (
            open_database(
                dsn,
                host,
                pool_size=self.pool_size,
                through_pooler=self.through_pooler,
                seconds=self.timeout,
                migrate=self.migrate,
            ) as database,
            open_provider(
                database,
                host,
                embedder=self.embedder,
                former_embedders=self.former_embedders,
                patience=self.embedding_patience,
                vector_weight=self.vector_weight,
            ) as provider,
        ):
            yield provider
