"""The routes of all other protocols that the settings switch on."""

from litestar.types import ControllerRouterHandler

from app.compat.mcp.endpoint import mcp_routes
from app.compat.mem0.entities import EntitiesController, UnservedController
from app.compat.mem0.oss import OssController
from app.compat.mem0.platform import PlatformController
from app.settings import Settings
from app.settings.loopback import is_loopback

_MEM0 = (PlatformController, EntitiesController, OssController, UnservedController)


def compat_routes(settings: Settings) -> list[ControllerRouterHandler]:
    """Return the routes to be added to those of the API."""
    return [*(mcp_routes() if settings.mcp.enabled else ()), *(_MEM0 if mem0_enabled(settings) else ())]


def mem0_enabled(settings: Settings) -> bool:
    """Return whether mem0's API is spoken: as configured, else where this machine alone reaches the service."""
    configured = settings.compat.mem0.enabled
    return is_loopback(settings.server.host) if configured is None else configured
