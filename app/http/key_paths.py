"""The key in a path: everything behind the beginning of the path, as the client wrote it."""

from collections.abc import Awaitable
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from litestar import Request
from litestar.params import PathParameter
from msgspec import Struct

from observability.http import AsgiApp, Receive, Scope, Send
from providers.errors import InvalidInput
from providers.labels import MAX_KEY_CHARS

BEGINNING = "/memory/keys/"

_TEXT = (
    "The key, percent-encoded. Its slashes may stand as they are; of `.`, `..` and `//`, which clients and proxies"
    " rewrite, the operations with the key in the body make no path."
)
_KEY = PathParameter(description=_TEXT, schema_extra={"minLength": 1, "maxLength": MAX_KEY_CHARS})


class KeyInPath(Struct, frozen=True):
    """The key that a path names; that it is one is for the providers to check."""

    key: str


async def provide_key(request: Request[Any, Any, Any], key: Annotated[str, _KEY] = "") -> KeyInPath:  # noqa: ARG001 - documented; the framework has normalised it
    """Read the key out of the path; raise `InvalidInput` if it is no UTF-8."""
    return KeyInPath(key_of(request.scope["raw_path"]))


def key_of(raw_path: bytes) -> str:
    """Return the key in a path of one, as it was sent.

    Raises:
        InvalidInput: it is no UTF-8.
    """
    _, _, encoded = raw_path.partition(b"?")[0].partition(BEGINNING.encode())
    try:
        return unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        raise InvalidInput("key", "must be percent-encoded UTF-8") from None


class KeysOfSlashes:
    """Have keys that are slashes alone routed as other keys: the framework drops slashes at the end of a path."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass one connection on."""
        path = scope["path"] if scope["type"] == "http" else ""
        if not path.startswith(BEGINNING) or path == BEGINNING or path[len(BEGINNING) :].strip("/"):
            return self._app(scope, receive, send)
        return self._renamed(path, scope, receive, send)

    async def _renamed(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        # In the same scope, since the router leaves its results in it; the key is read from the path as it was sent.
        scope["path"] = BEGINNING + "slashes"
        try:
            await self._app(scope, receive, send)
        finally:
            scope["path"] = path
