"""What handlers are given: the parts that the application holds in its state."""

from typing import Any

from litestar import Request

from providers.base import MemoryProvider


async def provide_provider(request: Request[Any, Any, Any]) -> MemoryProvider:
    """Give the provider that the application opened."""
    provider: MemoryProvider = request.app.state.provider
    return provider


async def provide_provider_name(request: Request[Any, Any, Any]) -> str:
    """Give the name of the provider that lists."""
    name: str = request.app.state.settings.order[0]
    return name


async def provide_recall_limit(request: Request[Any, Any, Any]) -> int:
    """Give the configured number of memories that a recall gives by default."""
    limit: int = request.app.state.settings.recall_limit
    return limit
