"""The options of the native provider, with what follows from them alone."""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, field

from observability.secret import Secret
from providers.embedders.options import Seconds
from providers.embedders.settings import EmbedderSettings, LocalEmbedderSettings
from providers.kind import ProviderKind

# The share of an operation's time limit that its vector may take; the rest is for the database.
SHARE_OF_EMBEDDING = 0.5


class NativeOptions(ProviderKind, frozen=True, kw_only=True):
    """The options; see `NativeSettings`."""

    dsn: Secret | None = None
    pool_size: Annotated[int, Meta(ge=1, le=200)] = 10
    timeout: Seconds = 5.0
    pooler: Literal["none", "pgbouncer"] = "none"
    migrate: bool = True
    vector_weight: Annotated[float, Meta(ge=0, le=1)] = 0.5
    recall_cache_mb: Annotated[int, Meta(ge=0, le=1_048_576)] = 256
    embedder: EmbedderSettings = field(default_factory=LocalEmbedderSettings)
    former_embedders: list[EmbedderSettings] = field(default_factory=list)

    @property
    def embedded(self) -> bool:
        """See `ProviderKind`."""
        return self.dsn is None

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

        return EmbeddedServer(folder_of(data_dir, name)).application_dsn

    def owner_dsn_of(self, name: str, data_dir: Path) -> str:
        """Return the same database; the embedded server's as the role that owns the tables."""
        if self.dsn is not None:
            return self.dsn.reveal()
        from providers.native.embedded import EmbeddedServer, folder_of

        return EmbeddedServer(folder_of(data_dir, name)).dsn
