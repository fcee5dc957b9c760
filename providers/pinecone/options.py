"""The options of the Pinecone provider."""

from typing import Annotated

from msgspec import Meta

from observability.secret import Secret
from providers.kind import ProviderKind

MAX_PREFIX_CHARS = 64
MAX_CONCURRENCY = 256
MAX_CACHE_MB = 1_000_000
MAX_STALENESS = 60.0  # seconds; far below what is retained for late writes
Seconds = Annotated[float, Meta(ge=0.001, le=600)]

# Scheme, host and port: keys and queries have no place in it.
_HOST = r"^https?://(\[[0-9A-Fa-f:.]+\]|[^/?#@\s:\[\]]+)(:[0-9]{1,5})?/?$"


class PineconeOptions(ProviderKind, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said of an index and of how it is used."""

    host: Annotated[str, Meta(pattern=_HOST)] = "http://localhost:5081"
    """Where the index answers, as its description in Pinecone says, with `https://` before it. Change it to the host of
    yours.
    """
    api_key: Secret | None = None
    """A key of the project with the index. Set it, in a variable; only an emulator wants none."""
    prefix: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]+$", max_length=MAX_PREFIX_CHARS)] = "ninai"
    """What the names of all namespaces begin with; two prefixes are two stores. Change it where several installations
    share one index.
    """
    staleness_seconds: Annotated[float, Meta(ge=0, le=MAX_STALENESS)] = 10.0
    """The seconds for which reads may not show what Pinecone has confirmed. Raise it where answers are marked with
    `contradiction` though nothing is lost.
    """
    concurrency: Annotated[int, Meta(ge=1, le=MAX_CONCURRENCY)] = 16
    """The simultaneous requests of one process. Lower it where Pinecone asks for patience."""
    timeout: Seconds = 15.0
    """The seconds for work that no request waits for; a request has the limits of its try. Raise it for a distant
    index.
    """
    connect_timeout: Seconds = 2.0
    """The seconds for a connection. Raise it for a distant index."""
    recall_cache_mb: Annotated[int, Meta(ge=1, le=MAX_CACHE_MB)] = 256
    """The MB of each process for the memories of those who recalled last. Raise it where more users recall in turns
    than fit.
    """
