"""The settings of the Redis provider, which open it."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit

from msgspec import structs

from providers.embedders.settings import NoEmbedderSettings
from providers.examination.check import Check, Subject
from providers.expectations import ProviderLimits
from providers.host import Host
from providers.kind import Advice, Usage
from providers.redis.extra import installed
from providers.redis.options import RedisOptions
from providers.replica import Replica
from providers.setting_fault import SettingFault

_SCHEMES = ("redis", "rediss", "unix")
_SHAPES = "redis://HOST:PORT/DATABASE, rediss://... or unix:///PATH"


class RedisSettings(RedisOptions, frozen=True, kw_only=True, tag_field="kind", tag="redis"):
    """Redis 7.2 or newer, Valkey, or a cluster of either. Choose it where you run Redis and no PostgreSQL."""

    @property
    def limits(self) -> ProviderLimits:
        """See `ProviderKind`."""
        return ProviderLimits(concurrency=max(ProviderLimits().concurrency, self.connections))

    @property
    def store_address(self) -> str:
        """See `ProviderKind`."""
        return f"{self.url.reveal()} {self.prefix}"

    def faults(self, usage: Usage) -> Iterator[SettingFault]:
        """Yield what is wrong with the URL; it may hold a password, and is not quoted."""
        if not installed():
            yield SettingFault(("kind",), "Redis cannot be spoken to: pip install 'ninaivalaigal[redis]'")
        if usage.in_use and self.embedder.missing is not None:
            yield SettingFault(("embedder", "kind"), self.embedder.missing)
        try:
            parts = urlsplit(self.url.reveal())
            port = parts.port
        except ValueError:
            yield SettingFault(("url",), f"expected {_SHAPES}, and a port up to 65535")
            return
        local, database = parts.scheme == "unix", parts.path.strip("/")
        if parts.scheme not in _SCHEMES or not (parts.path if local else parts.hostname) or port == 0:
            yield SettingFault(("url",), f"expected {_SHAPES}")
        elif not local and (parts.query or (database and not database.isdecimal())):
            yield SettingFault(("url",), "expected nothing behind the port but the number of a database")
        elif self.cluster and (local or database.strip("0")):
            yield SettingFault(("cluster",), "a cluster is spoken to over TCP, and has the database 0 alone")

    def advice(self, name: str) -> Advice:
        """See `ProviderKind`."""
        address = f"providers.{name}.url"
        keeping = "maxmemory-policy and appendonly of the server, and whether others write to its keys"
        return structs.replace(super().advice(name), address=address, access=address, keeping=keeping)

    def checks(self, subject: Subject) -> Sequence[Check]:
        """See `ProviderKind`."""
        from providers.embedders.examination import embedder_check
        from providers.redis.examination import vector_sets_check

        embedding = [embedder_check(self, subject)] if self.embedder.makes_vectors else []
        gathering = [vector_sets_check(self, subject)] if self.embedder.makes_vectors else []
        return [*embedding, *super().checks(subject), *gathering]

    def parts_to_try(self, subject: Subject) -> Sequence[Check]:
        """See `ProviderKind`."""
        from providers.embedders.examination import embedder_to_try

        return [embedder_to_try(self, subject)] if self.embedder.makes_vectors else ()

    def opened_to_look(self, host: Host) -> AbstractAsyncContextManager[Replica]:
        """Make no vectors."""
        return structs.replace(self, embedder=NoEmbedderSettings()).open(host)

    def open(self, host: Host) -> AbstractAsyncContextManager[Replica]:
        """Hold a provider; the servers may be down meanwhile."""
        from providers.redis.opening import open_redis

        return open_redis(self, host)
