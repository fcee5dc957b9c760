"""Whether a provider opens, says that it is healthy, and lets us in."""

from uuid import uuid4

from msgspec import structs

from app.doctor.finding import CheckOutcome, error, ok
from providers.embedders.settings import NoEmbedderSettings
from providers.factory import MemoryProviderFactory, ProviderSettings
from providers.mem0.health import Mem0Health
from providers.native.health import PostgresHealth
from providers.native.settings import NativeSettings
from providers.types import Health, Host


async def health_of(settings: ProviderSettings, host: Host, advice: str) -> CheckOutcome:
    """Open a provider so that it changes nothing, and check its health.

    Raises:
        ProviderError: it cannot be read, or not with these credentials.
    """
    async with MemoryProviderFactory.create_provider(_looking_only(settings), host) as provider:
        health = await provider.health_check()
        if not health.healthy:
            return error(health.error or "it says no more", advice)
        # Some tell anybody that they are well: whether they let us in, only a question shows.
        await provider.list_memories(f"ninai-doctor-{uuid4()}", 1)
    return ok(", ".join(["healthy", *_details(health)]))


def _looking_only(settings: ProviderSettings) -> ProviderSettings:
    """Return settings with which it migrates no schema, and embeds no memories."""
    if isinstance(settings, NativeSettings):
        return structs.replace(settings, migrate=False, pool_size=1, embedder=NoEmbedderSettings(), former_embedders=[])
    return settings


def _details(health: Health) -> list[str]:
    told = [] if health.response_time_ms is None else [f"answered in {health.response_time_ms:.1f} ms"]
    if isinstance(health, PostgresHealth):
        about = "about " if health.total_is_estimate else ""
        told.append(f"memories: {about}{health.total_memories or 0}")
    if isinstance(health, Mem0Health):
        told.append(f"speaks the dialect {health.dialect}")
    return told
