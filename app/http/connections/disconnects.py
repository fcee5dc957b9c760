"""Clients who hang up: what they have asked is given up, so that nobody who still waits has to wait for it."""

import asyncio

import structlog

from observability.http import AsgiApp, Message, Receive, Scope, Send

# Seconds after which a request that is still under way is looked after; most are over long before, and cost a timer.
LOOK_AFTER = 0.25

_READS = frozenset({("POST", "/memory/recall"), ("POST", "/memory/recall/batch")})
_READ_METHODS = frozenset({"GET", "HEAD"})

# An empty body, and the news; a server that says anything else has nothing of that kind to say.
_MOST_MESSAGES = 2

_log = structlog.get_logger("ninai")


class HangUp:
    """Cancel a read whose client has left; a write goes on, since it may have been begun already."""

    def __init__(self, app: AsgiApp, seconds: float = LOOK_AFTER) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection on."""
        if scope["type"] != "http" or not _reads(scope):
            await self._app(scope, receive, send)
            return
        caller = _Caller(receive, self._seconds)
        without_body = scope["method"] in _READ_METHODS
        try:
            if without_body:
                caller.look_after()
            await self._app(scope, receive if without_body else caller.receive, send)
        except asyncio.CancelledError:
            if not caller.left or caller.task.uncancel() > 0:
                raise
            _log.debug("caller_left", route=scope.get("path_template"))
        finally:
            caller.done()


class _Caller:
    """Whoever waits for one answer, looked after once there is nothing more to come but the news that it has left."""

    __slots__ = ("_receive", "_seconds", "_timer", "_watching", "left", "task")

    def __init__(self, receive: Receive, seconds: float) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is served by a task")
        self.task = task
        self.left = False
        self._receive = receive
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self._watching: asyncio.Task[None] | None = None

    async def receive(self) -> Message:
        """Pass the body on."""
        message = await self._receive()
        if not message.get("more_body", False) and self._timer is None:
            self.look_after()
        return message

    def look_after(self) -> None:
        """Begin to wait for the news, in a while."""
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._watch)

    def done(self) -> None:
        """Wait for nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()

    def _watch(self) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._until_it_leaves())

    async def _until_it_leaves(self) -> None:
        for _ in range(_MOST_MESSAGES):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.left = True
                self.task.cancel()
                return


def _reads(scope: Scope) -> bool:
    return scope["method"] in _READ_METHODS or (scope["method"], scope["path"].rstrip("/")) in _READS
