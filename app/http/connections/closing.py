"""The end of each connection with its next answer while the process drains."""

from collections.abc import Awaitable, Callable

from observability.http import AsgiApp, Message, Receive, Scope, Send

_CLOSE = (b"connection", b"close")


class CloseWhileDraining:
    """Send `Connection: close` with every answer while the process drains, so that clients reconnect elsewhere.

    A balancer that passes on connections, not requests, as a Kubernetes service does, cannot do that for them.
    """

    def __init__(self, app: AsgiApp, draining: Callable[[], bool]) -> None:
        self._app, self._draining = app, draining

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass one connection on."""
        draining = scope["type"] == "http" and self._draining()
        return self._app(scope, receive, _closing(send) if draining else send)


def _closing(send: Send) -> Send:
    def closing(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), _CLOSE]
        return send(message)

    return closing
