"""The guide: the documentation as a site, where it was built into the package."""

import asyncio
import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cache, cached_property
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from app.auth.routes import PUBLIC, SCOPE
from app.http.static import StaticFile

PATH = "/docs/guide"
ENTRANCE = "index.html"

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
# Revalidated before every use: pages and their files are of one version.
_CACHED = "no-cache"
_ABSENT = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>The guide is not here</title>
  </head>
  <body>
    <h1>The guide is not here</h1>
    <p>This installation was made without it. <code>make docs</code> builds it from a copy of the repository, and the
      service shows it after a restart; the container image has it. The same pages stand in the folder
      <code>deploy/docs</code> of the repository.</p>
    <p><a href="PREFIX/docs">The documentation of the API</a> is here.</p>
  </body>
</html>
"""


class Guide:
    """The files of the built site, each read when it is first asked for, and kept.

    Only files that the folder had at first are served, by their whole names: no path is put together from a request.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, StaticFile] = {}

    @cached_property
    def paths(self) -> Mapping[str, Path]:
        """The files that can be served, by their names below the folder."""
        found = (path for path in self._folder.rglob("*") if path.suffix in _TYPES and path.is_file())
        return {str(path.relative_to(self._folder)): path for path in found}

    def file(self, name: str) -> StaticFile:
        """Return one of the files, in both of its forms.

        Raises:
            KeyError: there is no such file.
        """
        if name not in self._files:
            path = self.paths[name]
            made = _static_file(path.read_bytes(), path.suffix)
            _ = made.packed  # here, and not in the event loop
            self._files[name] = made
        return self._files[name]


def _static_file(plain: bytes, suffix: str) -> StaticFile:
    return StaticFile(_TYPES[suffix], _CACHED, plain=plain, headers=_headers(plain if suffix == ".html" else b""))


def _headers(page: bytes) -> dict[str, str]:
    """Return headers that let a page load from this server alone, and run no script but its own."""
    digests = (b64encode(sha256(script).digest()).decode() for script in _INLINE_SCRIPT.findall(page))
    scripts = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in digests)])
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "same-origin",
    }


@cache
def built_guide() -> Guide:
    """Return the guide of this installation; one that was not built has no files."""
    return Guide(Path(str(files("app.docs").joinpath("guide"))))


class GuideController(Controller):
    """Open to everybody, as the documentation of the API is: the guide says nothing about this installation."""

    path = PATH
    include_in_schema = False
    opt = {SCOPE: PUBLIC}  # noqa: RUF012 - read by the framework, never changed

    @get("/")
    async def entrance(self, request: Request[Any, Any, Any]) -> Response[Any]:
        """Redirect to the first page, or say how to get the guide."""
        prefix: str = request.app.state.settings.server.prefix
        guide: Guide = request.app.state.guide
        if ENTRANCE in await asyncio.to_thread(lambda: guide.paths):
            return Redirect(f"{prefix}{PATH}/{ENTRANCE}")
        page = _ABSENT.replace("PREFIX", prefix).encode()
        return Response(page, media_type="text/html", headers={"Cache-Control": _CACHED, **_headers(b"")})

    @get("/{name:path}")
    async def file(self, request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
        """Return one of the files of the site."""
        guide: Guide = request.app.state.guide
        try:
            found = await asyncio.to_thread(guide.file, str(name).removeprefix("/"))
        except KeyError:
            raise NotFoundException from None
        return found.answer(request)
