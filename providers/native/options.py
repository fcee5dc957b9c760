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
    """The options of PostgreSQL as a provider."""

    dsn: Secret | None = None
    """The database, as a URL; without it the service runs a PostgreSQL of its own in the data folder. Set it for
    several hosts, or where others look after your databases.
    """
    pool_size: Annotated[int, Meta(ge=1, le=200)] = 10
    """The connections of each process. Raise it where calls wait for one (`ninai_database_waiting`), within
    PostgreSQL's `max_connections`.
    """
    timeout: Seconds = 5.0
    """The seconds for work that no request waits for; a request has the limits of its try, and waits half of this time
    for a vector. Raise it for a slow database or embedder.
    """
    pooler: Literal["none", "pgbouncer"] = "none"
    """What stands in front of the database. Set it to `pgbouncer` where connections come from a transaction pooler."""
    migrate: bool = True
    """Whether the schema is brought up to date at start. Turn it off where the role of the service may not change
    tables, and run `ninai db upgrade`.
    """
    vector_weight: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """The share of the vector in a score; the rest is the words' share. Raise it where meaning should count more than
    words, and lower it for names and codes.
    """
    recall_cache_mb: Annotated[int, Meta(ge=0, le=1_048_576)] = 256
    """The MB of each process for the memories of those who recalled last; 0 ranks in the database. Raise it where more
    users recall in turns than fit, as `ninai_recall_index_events_total` shows.
    """
    embedder: EmbedderSettings = field(default_factory=LocalEmbedderSettings)
    former_embedders: list[EmbedderSettings] = field(default_factory=list)
    """Embedders that were in use before, which go on answering until all memories of a user are embedded anew. Set it
    while you change the model.
    """
    former_vectors_kept: Annotated[float, Meta(ge=0, le=31_536_000)] = 600.0
    """The seconds for which vectors of former embedders stay after all memories are embedded anew, so that to go back
    costs nothing. Raise it while you try a model.
    """

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
