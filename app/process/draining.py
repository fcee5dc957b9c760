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
from providers.chain.deadline import Shutdown

# From the main process to its workers: the service is about to stop, tell so to whoever asks for readiness.
NOTICE = signal.SIGUSR1
# The same way, when it stops: whoever is still waited for must have an answer soon.
STOPPING = signal.SIGUSR2

STOP_SECONDS = 20  # until a worker that has not stopped by itself is killed
# What is left after it is for bringing to providers what they take at once, and for closing.
ANSWER_SECONDS = STOP_SECONDS - 4.0

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

    def stop_now(*_: object) -> None:
        pass_on(STOPPING)
        stop()

    signal.signal(signal.SIGINT, stop_now)
    if seconds == 0:
        signal.signal(signal.SIGTERM, stop_now)
        return
    began = False

    def leave(*_: object) -> None:
        nonlocal began
        if began:
            stop_now()
            return
        began = True
        pass_on(NOTICE)
        _log.info("leaving", seconds=seconds)
        timer = Timer(seconds, stop_now)
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
def heeding_notice(leave: Callable[[], None], shutdown: Shutdown) -> Iterator[None]:
    """Have `leave` called when notice is given, and begin the `shutdown` with the stop, while the context lasts."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(NOTICE, leave)
    loop.add_signal_handler(STOPPING, shutdown.begin, ANSWER_SECONDS)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {NOTICE, STOPPING})
    try:
        yield
    finally:
        loop.remove_signal_handler(NOTICE)
        # What comes later than this finds nobody under way, and must not end the process before it has closed all.
        signal.pthread_sigmask(signal.SIG_BLOCK, {STOPPING})
        loop.remove_signal_handler(STOPPING)
