"""The files that the console's pages load: style, script and icon."""

from functools import cache
from importlib.resources import files
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from app.auth.routes import PUBLIC, SCOPE
from app.console.admission import admit_to_port
from app.console.pages import HANDLERS, HEADERS, PATH
from app.http.static import StaticFile

_TYPES = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


class AssetsController(Controller):
    """Open to any client that reaches the port: the login form needs them too, and they hold no secret."""

    path = f"{PATH}/files"
    include_in_schema = False
    opt = {SCOPE: PUBLIC}  # noqa: RUF012 - read by the framework, never changed
    before_request = staticmethod(admit_to_port)
    exception_handlers = HANDLERS

    @get("/{name:str}")
    async def file(self, request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
        """Return one of the files."""
        if name not in _TYPES:
            raise NotFoundException
        return _file(name).answer(request)


@cache
def _file(name: str) -> StaticFile:
    """Read one of the files, once."""
    # Revalidated before every use: pages and their files are of one version.
    plain = (files("app.console") / "files" / name).read_bytes()
    return StaticFile(_TYPES[name], "no-cache", plain=plain, headers=HEADERS)
