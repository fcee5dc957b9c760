"""What the pages of the console load: style, script and icon."""

from functools import cache
from importlib.resources import files
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from app.console.admission import admit_to_port
from app.console.pages import HANDLERS, HEADERS, PATH
from app.http.static import StaticFile

_TYPES = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


class AssetsController(Controller):
    """Open without a login: the form to log in needs them too, and they reveal nothing."""

    path = f"{PATH}/files"
    include_in_schema = False
    before_request = staticmethod(admit_to_port)
    exception_handlers = HANDLERS

    @get("/{name:str}")
    async def file(self, request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
        """Return one of them."""
        if name not in _TYPES:
            raise NotFoundException
        return _file(name).answer(request)


@cache
def _file(name: str) -> StaticFile:
    """Read one of them, once."""
    # Not to be kept without a look: pages and their files are of one version.
    return StaticFile(
        _TYPES[name], "no-cache", plain=(files("app.console") / "files" / name).read_bytes(), headers=HEADERS
    )
