"""Clients that disconnect: their reads are cancelled, so that no other request waits for them."""

import asyncio

import structlog

from observability.http import AsgiApp, Message, Receive, Scope, Send

# Seconds after which a request that is still under way is watched; most end long before, and cost a timer.
WATCH_AFTER = 0.25

_READ_PATHS = (
    "/memory/recall",
    "/memory/recall/batch",
    "/v3/memories/search",
    "/v3/memories",
    "/v2/memories/search",
    "/v2/memories",
    "/v1/memories/search",
    "/search",
)
_READS = frozenset(("POST", path) for path in _READ_PATHS)
_READ_METHODS = frozenset({"GET", "HEAD"})

# An empty body, and the disconnect.
_MOST_MESSAGES = 2

_log = structlog.get_logger("ninai")


class CancelOnDisconnect:
    """Cancel a read whose client has disconnected; a write goes on, since it may have been begun already."""

    def __init__(self, app: AsgiApp, seconds: float = WATCH_AFTER) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection on."""
        if scope["type"] != "http" or not _reads(scope):
            await self._app(scope, receive, send)
            return
        client = _WatchedClient(receive, self._seconds)
        without_body = scope["method"] in _READ_METHODS
        try:
            if without_body:
                client.watch()
            await self._app(scope, receive if without_body else client.receive, send)
        except asyncio.CancelledError:
            if not client.disconnected or client.task.uncancel() > 0:
                raise
            _log.debug("caller_left", route=scope.get("path_template"))
        finally:
            client.done()


class _WatchedClient:
    """Watch the client that waits for one answer, once nothing more can come from it but its disconnect."""

    __slots__ = ("_receive", "_seconds", "_timer", "_watching", "disconnected", "task")

    def __init__(self, receive: Receive, seconds: float) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is served by a task")
        self.task, self.disconnected = task, False
        self._receive, self._seconds = receive, seconds
        self._timer: asyncio.TimerHandle | None = None
        self._watching: asyncio.Task[None] | None = None

    async def receive(self) -> Message:
        """Pass the body on."""
        message = await self._receive()
        if not message.get("more_body", False) and self._timer is None:
            self.watch()
        return message

    def watch(self) -> None:
        """Begin to wait for the disconnect after `seconds`."""
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._begin)

    def done(self) -> None:
        """Stop waiting."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()

    def _begin(self) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._until_it_disconnects())

    async def _until_it_disconnects(self) -> None:
        for _ in range(_MOST_MESSAGES):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.disconnected = True
                self.task.cancel()
                return


def _reads(scope: Scope) -> bool:
    return scope["method"] in _READ_METHODS or (scope["method"], scope["path"].rstrip("/")) in _READS
