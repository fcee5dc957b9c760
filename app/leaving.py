"""Leaving in good order: who balances load learns of it first, and is served until it sends nothing any more."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Timer

import structlog

from observability.http import AsgiApp, Message, Receive, Scope, Send

# From the main process to its workers: the service is about to stop, tell so to whoever asks for readiness.
NOTICE = signal.SIGUSR1

_CLOSE = (b"connection", b"close")

_log = structlog.get_logger("ninai")


class NoLongerKept:
    """While the process leaves, each answer ends its connection, so that clients who keep one come back elsewhere.

    A balancer that passes connections on, and not requests, as a Kubernetes service does, cannot do that for them.
    """

    def __init__(self, app: AsgiApp, leaving: Callable[[], bool]) -> None:
        self._app = app
        self._leaving = leaving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection on."""
        leaving = scope["type"] == "http" and self._leaving()
        await self._app(scope, receive, _closing(send) if leaving else send)


def _closing(send: Send) -> Send:
    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), _CLOSE]
        await send(message)

    return closing


def leave_on_sigterm(stop: Callable[[], None], seconds: float) -> None:
    """Take SIGTERM as an order to be not ready for so long, and to stop then; a second one ends the wait.

    Everything is served meanwhile. SIGINT stops at once, as does SIGTERM where nobody is to be waited for.
    """
    if seconds == 0:
        return  # the server's own answer to it
    began = False

    def leave(*_: object) -> None:
        nonlocal began
        if began:
            stop()
            return
        began = True
        pass_on(NOTICE)
        _log.info("leaving", seconds=seconds)
        timer = Timer(seconds, stop)
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, leave)


def pass_on(number: signal.Signals) -> None:
    """Send a signal to every worker."""
    for worker in multiprocessing.active_children():
        if worker.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(worker.pid, number)


@contextmanager
def heeding_notice(leave: Callable[[], None]) -> Iterator[None]:
    """Have `leave` called when notice is given, for as long as the context lasts."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(NOTICE, leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {NOTICE})
    try:
        yield
    finally:
        loop.remove_signal_handler(NOTICE)
