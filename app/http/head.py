"""HEAD on every route that has GET: the same status and the same headers, without the body."""

from collections.abc import Awaitable

from observability.http import AsgiApp, Message, Receive, Scope, Send

# In the scope of a request whose answer is not read: a long one need not be made.
HEAD_ONLY = "ninai.head_only"
_ALLOW = b"allow"


class HeadAsGet:
    """Pass HEAD requests to the application as GET, and name HEAD wherever it names GET.

    The framework answers HEAD only where a handler of its own is written for it, beside each of those for GET.
    """

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass one connection on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            return self._app(scope, receive, _naming(send))
        return self._as_get(scope, receive, send)

    async def _as_get(self, scope: Scope, receive: Receive, send: Send) -> None:
        # In the same scope, since the router leaves its results in it.
        scope["method"] = "GET"
        scope[HEAD_ONLY] = True
        try:
            await self._app(scope, receive, _without_body(_naming(send)))
        finally:
            scope["method"] = "HEAD"


def _naming(send: Send) -> Send:
    def naming(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            if _ALLOW in dict(headers):
                message["headers"] = [(name, _with_head(value) if name == _ALLOW else value) for name, value in headers]
        return send(message)

    return naming


def _with_head(methods: bytes) -> bytes:
    return b", ".join(b"GET, HEAD" if method == b"GET" else method for method in methods.split(b", "))


def _without_body(send: Send) -> Send:
    def without_body(message: Message) -> Awaitable[None]:
        return send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return without_body
