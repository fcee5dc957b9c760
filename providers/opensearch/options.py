"""The options of the OpenSearch provider."""

from typing import Annotated

from msgspec import Meta

from observability.secret import Secret
from providers.kind import ProviderKind

MAX_INDEX_CHARS = 128
MAX_SHARDS = 1_024  # of one index, by the default of the servers
MAX_COPIES = 10
MAX_CONNECTIONS = 1_000
MAX_CACHE_MB = 1_000_000
MAX_STALENESS = 60.0  # seconds; far below what is retained for late writes
Seconds = Annotated[float, Meta(ge=0.001, le=600)]


class OpenSearchOptions(ProviderKind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said of a server and of how it is used; `OpenSearchSettings` says what each option means."""

    url: Secret = Secret("http://localhost:9200")
    api_key: Secret | None = None
    ca_file: str | None = None
    index: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_.-]*$", max_length=MAX_INDEX_CHARS)] = "ninai"
    shards: Annotated[int, Meta(ge=1, le=MAX_SHARDS)] = 1
    copies: Annotated[int, Meta(ge=1, le=MAX_COPIES)] = 1
    staleness_seconds: Annotated[float, Meta(ge=0, le=MAX_STALENESS)] = 0.0
    connections: Annotated[int, Meta(ge=1, le=MAX_CONNECTIONS)] = 32
    timeout: Seconds = 10.0
    recall_cache_mb: Annotated[int, Meta(ge=1, le=MAX_CACHE_MB)] = 256
