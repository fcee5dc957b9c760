"""Cross-origin requests (CORS): what a browser may do for pages of the origins that are configured."""

from collections.abc import Sequence

from observability.http import AsgiApp, Message, Receive, Scope, Send

_HOUR = b"3600"  # for which a browser keeps what it was told
_METHODS = b"GET, POST, PUT, PATCH, DELETE, HEAD"
# What callers send and read, beside what browsers let pass by themselves. A browser takes no `*` in their place where a
# request has an `Authorization` header.
_SENT = b", ".join(
    (
        b"Authorization",
        b"Content-Type",
        b"Idempotency-Key",
        b"If-Match",
        b"If-None-Match",
        b"Memory-Session",
        b"Prefer",
        b"X-API-Key",
        b"X-Request-ID",
        b"X-Request-Timeout-Ms",
        b"X-User-ID",
        b"X-User-ID*",
        b"traceparent",
        b"tracestate",
    )
)
_READ = b", ".join(
    (
        b"ETag",
        b"Memory-Consistency",
        b"Memory-Degraded",
        b"Memory-Provider",
        b"Memory-Session",
        b"RateLimit",
        b"RateLimit-Policy",
        b"Retry-After",
        b"Server-Timing",
        b"X-Request-ID",
    )
)
_VARY = (b"vary", b"Origin")


class CrossOrigin:
    """Tell browsers that pages of these origins may call the service, and answer what browsers ask beforehand.

    No cookie is let pass: the console stays closed to pages of other origins, and a page shows its own key.
    """

    def __init__(self, app: AsgiApp, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        allowed = origin if origin in self._origins else None
        if allowed is not None and scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await send({"type": "http.response.start", "status": 204, "headers": _preflight(allowed)})
            await send({"type": "http.response.body", "body": b""})
            return

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), _VARY, *_answer(allowed)]
            await send(message)

        await self._app(scope, receive, telling)


def _answer(allowed: bytes | None) -> list[tuple[bytes, bytes]]:
    if allowed is None:
        return []
    return [(b"access-control-allow-origin", allowed), (b"access-control-expose-headers", _READ)]


def _preflight(allowed: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-origin", allowed),
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", _SENT),
        (b"access-control-max-age", _HOUR),
        _VARY,
    ]
