"""The page that shows the API's documentation, with everything it loads."""

from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from typing import Any

from litestar import Controller, Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.response import Redirect
from litestar.status_codes import HTTP_404_NOT_FOUND

from app.auth.routes import PUBLIC, SCOPE
from app.http.static import StaticFile

PATH = "/docs"

_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>ninaivalaigal API</title>
  </head>
  <body>
    <script id="api-reference" data-url="PREFIX/openapi.json"
      data-configuration='{"withDefaultFonts": false, "telemetry": false, "hideClientButton": true,
        "agent": {"disabled": true}}'></script>
    <script src="PREFIX/docs/scalar.js"></script>
    <noscript>This page needs JavaScript; <a href="PREFIX/openapi.json">the OpenAPI document</a> does not.</noscript>
  </body>
</html>
"""
# The page may load from and connect to this server alone, whatever the bundle would like to fetch.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_DOCUMENT_PATHS = frozenset({"/openapi.json", f"{PATH}/openapi.json"})
_A_DAY = "public, max-age=86400"
# Cached, but revalidated before every use, since a new version may have changed it.
_WITH_A_LOOK = "no-cache"
_PAGE_HEADERS = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}


class DocsController(Controller):
    """The entry page, to which the root leads."""

    include_in_schema = False
    opt = {SCOPE: PUBLIC}  # noqa: RUF012 - read by the framework, never changed

    @get("/")
    async def index(self, request: Request[Any, Any, Any]) -> Redirect:
        """Redirect to the page."""
        return Redirect(f"{request.app.state.settings.server.prefix}{PATH}")

    @get("/openapi.json")
    async def document(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Return the OpenAPI document."""
        document: StaticFile = request.app.state.document
        return document.answer(request)


class ScalarPage(OpenAPIRenderPlugin):
    """Render the OpenAPI document; the framework's own page would load from a content delivery network."""

    def __init__(self, prefix: str) -> None:
        super().__init__(path="/")
        self._page = page_below(prefix)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002 - the page fetches the document itself
        """Return the page, where `_fixed` has not done so already."""
        return self._page


def document_of(encoded: bytes) -> StaticFile:
    """Return the OpenAPI document as it is served."""
    return StaticFile("application/json", _WITH_A_LOOK, plain=encoded)


def page_below(prefix: str) -> bytes:
    """Return the page of a service that stands below a prefix."""
    return _PAGE.replace("PREFIX", prefix).encode()


@cache
def _script() -> StaticFile:
    packed = files("app.docs").joinpath("scalar.js.gz").read_bytes()
    return StaticFile("text/javascript; charset=utf-8", _A_DAY, packed=packed, headers=_PAGE_HEADERS)


@get("/scalar.js", sync_to_thread=False)
def script(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the script that draws the page."""
    return _script().answer(request)


def _fixed(prefix: str) -> Callable[[Request[Any, Any, Any]], Awaitable[Response[bytes] | None]]:
    """Return what answers with bytes made once where the framework would make them anew: its own send no `ETag`."""
    page = StaticFile("text/html; charset=utf-8", _WITH_A_LOOK, plain=page_below(prefix), headers=_PAGE_HEADERS)

    async def fixed(request: Request[Any, Any, Any]) -> Response[bytes] | None:
        path = request.scope["path_template"]
        if path == PATH:
            return page.answer(request)
        if path in _DOCUMENT_PATHS:
            document: StaticFile = request.app.state.document
            return document.answer(request)
        return None

    return fixed


def _refused(response: Response[Any]) -> Response[Any]:
    """Answer an unknown path below the page with a problem, as all other paths; the framework would send HTML."""
    if response.status_code == HTTP_404_NOT_FOUND:
        raise NotFoundException
    return response


def docs_router(prefix: str) -> Router:
    """Hold the page and its script; the framework adds the document beside them."""
    return Router(
        path=PATH,
        route_handlers=[script],
        include_in_schema=False,
        before_request=_fixed(prefix),
        after_request=_refused,
        opt={SCOPE: PUBLIC},
    )
