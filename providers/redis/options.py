"""The options of the Redis provider."""

from typing import Annotated

from msgspec import Meta

from observability.secret import Secret
from providers.kind import ProviderKind
from providers.redis.acknowledging import Acknowledge

MAX_PREFIX_CHARS = 64
MAX_REPLICAS = 5
MAX_CONNECTIONS = 1_000
MAX_CACHE_MB = 1_000_000
Seconds = Annotated[float, Meta(ge=0.001, le=600)]


class RedisOptions(ProviderKind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said of a Redis and of how it is used; `RedisSettings` says what each option means."""

    url: Secret = Secret("redis://localhost:6379/0")
    cluster: bool = False
    prefix: Annotated[str, Meta(pattern="^[A-Za-z0-9_.-]+$", max_length=MAX_PREFIX_CHARS)] = "ninai"
    acknowledge: Acknowledge = "fsync"
    replicas: Annotated[int, Meta(ge=0, le=MAX_REPLICAS)] = 0
    may_lose: bool = False
    connections: Annotated[int, Meta(ge=1, le=MAX_CONNECTIONS)] = 32
    timeout: Seconds = 5.0
    connect_timeout: Seconds = 2.0
    recall_cache_mb: Annotated[int, Meta(ge=1, le=MAX_CACHE_MB)] = 256
