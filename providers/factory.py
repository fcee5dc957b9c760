"""The registry of provider kinds: the union of their settings, and the factory that opens one."""

from contextlib import AbstractAsyncContextManager
from enum import Enum

from providers.chain.policy import MOST_TRY, USUAL_FACTOR, ProviderLimits
from providers.mem0.settings import Mem0Settings
from providers.memory.provider import MockSettings
from providers.native.settings import NativeSettings
from providers.replica import Replica
from providers.types import Host

ProviderSettings = NativeSettings | Mem0Settings | MockSettings

# A mem0 embeds over the network and with a language model takes seconds, so it gets the longest limit from the start.
_MEM0_SECONDS = MOST_TRY / USUAL_FACTOR


class MemoryProviderType(Enum):
    """The kinds of provider, by the names that the specification gives them."""

    NATIVE = "native"
    HTTP = "http"
    MOCK = "mock"


_SETTINGS: dict[MemoryProviderType, type[ProviderSettings]] = {
    MemoryProviderType.NATIVE: NativeSettings,
    MemoryProviderType.HTTP: Mem0Settings,
    MemoryProviderType.MOCK: MockSettings,
}


def limits_of(provider: ProviderSettings) -> ProviderLimits:
    """Return what is expected of a kind of provider before anything has been measured."""
    if isinstance(provider, Mem0Settings):
        return ProviderLimits(concurrency=provider.concurrency, expected_latency=_MEM0_SECONDS)
    if isinstance(provider, NativeSettings):
        # More calls than connections are useful, because the writes of many callers share one statement.
        return ProviderLimits(concurrency=max(ProviderLimits().concurrency, provider.pool_size))
    return ProviderLimits()


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
