"""The options of the Redis provider."""

from typing import Annotated

from msgspec import Meta, field

from observability.secret import Secret
from providers.embedders.settings import EmbedderSettings, NoEmbedderSettings
from providers.kind import ProviderKind
from providers.redis.acknowledging import Acknowledge

MAX_PREFIX_CHARS = 64
MAX_REPLICAS = 5
MAX_CONNECTIONS = 1_000
MAX_CACHE_MB = 1_000_000
SHARE_OF_EMBEDDING = 0.5  # of an operation's time limit that its vector may take; the rest is for the server
Seconds = Annotated[float, Meta(ge=0.001, le=600)]


class RedisOptions(ProviderKind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said of a Redis and of how it is used."""

    url: Secret = Secret("redis://localhost:6379/0")
    """Where Redis answers: `redis://`, `rediss://` for TLS, or `unix://`; of a cluster any of its servers. Change it to
    the address of your Redis, in a variable if it has a password.
    """
    cluster: bool = False
    """Whether the server is one of a Redis Cluster. Enable it for a cluster."""
    prefix: Annotated[str, Meta(pattern="^[A-Za-z0-9_.-]+$", max_length=MAX_PREFIX_CHARS)] = "ninai"
    """What all keys begin with; two prefixes are two stores. Change it where several installations share one Redis."""
    acknowledge: Acknowledge = "fsync"
    """What a write must have reached to count: the disk of the primary (`fsync`) or its memory (`memory`). Change it to
    `memory` where a power cut may cost the last second of writes.
    """
    replicas: Annotated[int, Meta(ge=0, le=MAX_REPLICAS)] = 0
    """How many replicas must have a write as well. Raise it where the primary may fail for good."""
    may_lose: bool = False
    """Whether a server is taken that evicts keys, or does not write every change to its disk. Enable it for a cache or
    a trial, never for the only copy.
    """
    connections: Annotated[int, Meta(ge=1, le=MAX_CONNECTIONS)] = 32
    """The connections of each process to a server. Raise it where calls wait for one."""
    timeout: Seconds = 5.0
    """The seconds for work that no request waits for; a request has the limits of its try. Raise it for a distant
    Redis.
    """
    connect_timeout: Seconds = 2.0
    """The seconds for a connection. Raise it for a distant Redis."""
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
