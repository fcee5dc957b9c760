"""The options of the OpenSearch provider."""

from typing import Annotated

from msgspec import Meta, field

from observability.secret import Secret
from providers.embedders.settings import EmbedderSettings, NoEmbedderSettings
from providers.kind import ProviderKind

MAX_INDEX_CHARS = 128
MAX_SHARDS = 1_024  # of one index, by the default of the servers
MAX_COPIES = 10
MAX_CONNECTIONS = 1_000
MAX_CACHE_MB = 1_000_000
MAX_STALENESS = 60.0  # seconds; far below what is retained for late writes
SHARE_OF_EMBEDDING = 0.5  # of an operation's time limit that its vector may take; the rest is for the server
Seconds = Annotated[float, Meta(ge=0.001, le=600)]


class OpenSearchOptions(ProviderKind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said of a server and of how it is used."""

    url: Secret = Secret("http://localhost:9200")
    """Where the server answers: `http://` or `https://`, with a user and a password if it wants them. Change it to the
    address of yours, in a variable if it has a password.
    """
    api_key: Secret | None = None
    """An API key of Elasticsearch, which is sent where `url` has no user. Set it instead of a user and a password."""
    ca_file: str | None = None
    """The file with the certificates by which the server is known. Set it where they are not among those of the system.
    """
    index: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_.-]*$", max_length=MAX_INDEX_CHARS)] = "ninai"
    """The alias of the index, which is made if there is none; two aliases are two stores. Change it where several
    installations share one server.
    """
    shards: Annotated[int, Meta(ge=1, le=MAX_SHARDS)] = 1
    """The shards that a new index is made with; all memories of a user are in one of them. Raise it, before the first
    start, where one node cannot hold all memories.
    """
    copies: Annotated[int, Meta(ge=1, le=MAX_COPIES)] = 1
    """How many copies a new index is made with, and how many must have a write before it counts. Raise it where a node
    may fail for good.
    """
    staleness_seconds: Annotated[float, Meta(ge=0, le=MAX_STALENESS)] = 0.0
    """The seconds for which lists may miss what was written; with 0 the index is refreshed before each, and they miss
    nothing. Raise it, where a journal shows meanwhile what was written, if refreshes keep the server busy.
    """
    connections: Annotated[int, Meta(ge=1, le=MAX_CONNECTIONS)] = 32
    """The connections of each process to the server. Raise it where calls wait for one."""
    timeout: Seconds = 10.0
    """The seconds for work that no request waits for; a request has the limits of its try. Raise it for a distant
    server.
    """
    recall_cache_mb: Annotated[int, Meta(ge=1, le=MAX_CACHE_MB)] = 256
    """The MB of each process for the memories of those who recalled last. Raise it where more users recall in turns
    than fit.
    """
    embedder: EmbedderSettings = field(default_factory=NoEmbedderSettings)
    """What makes the vectors that memories are found by beside their words; by default none. Set it to that of your
    home, so that a recall ranks here as it does there.
    """

    @property
    def embedding_patience(self) -> float:
        """Seconds that an operation waits for its vector; without one in time it uses the words."""
        return self.timeout * SHARE_OF_EMBEDDING
