"""The health of Redis, by what its primaries tell of themselves."""

from time import perf_counter

from providers.errors import ProviderError
from providers.health import Health
from providers.redis.servers import Servers


class RedisHealth(Health, frozen=True, kw_only=True, omit_defaults=True):
    """Extend the health of the specification; `primaries` are one, or those of the cluster.

    `server` is its name and version, `used_memory_bytes` the sum of all primaries.
    """

    server: str | None = None
    primaries: int = 0
    used_memory_bytes: int | None = None

    @property
    def details(self) -> list[str]:
        """See `Health`."""
        return [*super().details, f"{self.server}, primaries: {self.primaries}"]


async def health_of(servers: Servers, provider: str) -> RedisHealth:
    """Examine every primary as a new connection does; an error is part of the health."""
    started = perf_counter()
    try:
        infos = await servers.infos()
    except ProviderError as error:
        return RedisHealth(healthy=False, provider=provider, error=str(error))
    return RedisHealth(
        healthy=True,
        provider=provider,
        response_time_ms=round((perf_counter() - started) * 1000, 3),
        server=_name_of(infos[0]),
        primaries=len(infos),
        used_memory_bytes=sum(int(info.get("used_memory", 0)) for info in infos),
    )


def _name_of(info: dict[str, str]) -> str:
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info['redis_version']}"
