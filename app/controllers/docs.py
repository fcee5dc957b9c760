"""The page that shows the API's documentation, with everything it loads."""

import re
from gzip import decompress
from importlib.resources import files
from typing import Any

from litestar import Controller, Request, Response, Router, get
from litestar.datastructures import ResponseHeader
from litestar.exceptions import NotFoundException
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.response import Redirect
from litestar.serialization import encode_json
from litestar.status_codes import HTTP_404_NOT_FOUND

PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>ninaivalaigal API</title>
  </head>
  <body>
    <script id="api-reference" data-url="/openapi.json"
      data-configuration='{"withDefaultFonts": false, "telemetry": false, "hideClientButton": true,
        "agent": {"disabled": true}}'></script>
    <script src="/docs/scalar.js"></script>
    <noscript>This page needs JavaScript; <a href="/openapi.json">the OpenAPI document</a> does not.</noscript>
  </body>
</html>
"""
# The page may load from and speak to this server alone, whatever the bundle would like to fetch.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_NOT_AT_ALL = re.compile(r"\s*q=0(\.0*)?\s*")
_A_DAY = "public, max-age=86400"


class DocsController(Controller):
    """Where people and tools look first."""

    include_in_schema = False

    @get("/")
    async def index(self) -> Redirect:
        """Lead a visitor to the page."""
        return Redirect("/docs")

    @get("/openapi.json", media_type="application/json")
    async def document(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Give the OpenAPI document."""
        return Response(encode_json(request.app.openapi_schema.to_schema()))


class ScalarPage(OpenAPIRenderPlugin):
    """The page that draws the OpenAPI document; the framework's own would load from a content delivery network."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002 - the page fetches the document itself
        """Give the page."""
        return PAGE.encode()


@get("/scalar.js", media_type="text/javascript", sync_to_thread=False)
def script(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Give the script that draws the page."""
    packed = files("app.docs").joinpath("scalar.js.gz").read_bytes()
    headers = {"Cache-Control": _A_DAY, "Vary": "Accept-Encoding"}
    if _takes_gzip(request.headers.get("accept-encoding", "")):
        return Response(packed, headers=headers | {"Content-Encoding": "gzip"})
    return Response(decompress(packed), headers=headers)


def _takes_gzip(accepted: str) -> bool:
    """Whether an `Accept-Encoding` names gzip, and not with the weight of zero (RFC 9110, section 12.5.3)."""
    codings = (coding.lower().partition(";") for coding in accepted.split(","))
    return any(name.strip() == "gzip" and not _NOT_AT_ALL.fullmatch(weight) for name, _, weight in codings)


def _refused(response: Response[Any]) -> Response[Any]:
    """The framework tells of an unknown path below the page in HTML, where all other paths get a problem."""
    if response.status_code == HTTP_404_NOT_FOUND:
        raise NotFoundException
    return response


def docs_router() -> Router:
    """Hold the page and its script; the framework adds the document beside them."""
    return Router(
        path="/docs",
        route_handlers=[script],
        include_in_schema=False,
        after_request=_refused,
        response_headers=[ResponseHeader(name="Content-Security-Policy", value=CONTENT_SECURITY_POLICY)],
    )
