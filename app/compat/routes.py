"""The routes of all other protocols that the settings switch on."""

from litestar.types import ControllerRouterHandler

from app.compat.mcp.endpoint import mcp_routes
from app.settings import Settings


def compat_routes(settings: Settings) -> list[ControllerRouterHandler]:
    """Return the routes to be added to those of the API."""
    return [*(mcp_routes() if settings.mcp.enabled else ())]
