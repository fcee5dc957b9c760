"""The registry of provider kinds: the union of their settings, and the factory that opens one."""

from contextlib import AbstractAsyncContextManager
from enum import Enum

from providers.host import Host
from providers.mem0.settings import Mem0Settings
from providers.memory.settings import MockSettings
from providers.native.settings import NativeSettings
from providers.opensearch.settings import OpenSearchSettings
from providers.pinecone.settings import PineconeSettings
from providers.redis.settings import RedisSettings
from providers.replica import Replica

ProviderSettings = NativeSettings | Mem0Settings | RedisSettings | OpenSearchSettings | PineconeSettings | MockSettings


class MemoryProviderType(Enum):
    """The kinds of provider, by the names that the specification gives them, or plans for."""

    NATIVE = "native"
    HTTP = "http"
    REDIS = "redis"
    OPENSEARCH = "opensearch"
    PINECONE = "pinecone"
    MOCK = "mock"


_SETTINGS: dict[MemoryProviderType, type[ProviderSettings]] = {
    MemoryProviderType.NATIVE: NativeSettings,
    MemoryProviderType.HTTP: Mem0Settings,
    MemoryProviderType.REDIS: RedisSettings,
    MemoryProviderType.OPENSEARCH: OpenSearchSettings,
    MemoryProviderType.PINECONE: PineconeSettings,
    MemoryProviderType.MOCK: MockSettings,
}


def default_settings(provider_type: str | MemoryProviderType) -> ProviderSettings:
    """Return the settings of a kind without any configuration.

    Raises:
        ValueError: there is no such kind.
    """
    if isinstance(provider_type, str):
        provider_type = MemoryProviderType(provider_type.lower())
    return _SETTINGS[provider_type]()


class MemoryProviderFactory:
    """Open providers from their settings."""

    @staticmethod
    def create_provider(
        provider: ProviderSettings | MemoryProviderType | str, host: Host
    ) -> AbstractAsyncContextManager[Replica]:
        """Return a context that opens a provider and closes it at its end.

        Raises:
            ValueError: there is no such kind.
        """
        settings = default_settings(provider) if isinstance(provider, (str, MemoryProviderType)) else provider
        return settings.open(host)
