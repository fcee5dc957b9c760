"""The path below which a proxy shows the service."""

from observability.http import AsgiApp, Receive, Scope, Send


class PathPrefix:
    """Take the prefix off the path of each request that has it, for all that follows.

    A request without it is served as it is: some proxies take it off by themselves, and probes come past the proxy.
    """

    def __init__(self, app: AsgiApp, prefix: str) -> None:
        self._app = app
        self._prefix, self._raw = prefix, prefix.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection on."""
        if scope["type"] == "http":
            path: str = scope["path"]
            if path == self._prefix or path.startswith(f"{self._prefix}/"):
                raw: bytes = scope.get("raw_path") or path.encode()
                scope = {**scope, "path": path[len(self._prefix) :] or "/"}
                if raw.startswith(self._raw):
                    scope["raw_path"] = raw[len(self._raw) :] or b"/"
        await self._app(scope, receive, send)
