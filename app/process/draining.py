"""Draining: load balancers see that the process is not ready before it stops, and all their requests are served."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Timer

import structlog

from providers.chain.deadline import Shutdown

# From the main process to its workers: the service is about to stop, so answer "not ready" from now on.
DRAIN_SIGNAL = signal.SIGUSR1
# Likewise, when it stops: every request that is under way must be answered soon.
STOP_SIGNAL = signal.SIGUSR2

STOP_SECONDS = 20  # until a worker that has not stopped by itself is killed
# The rest is for deliveries that providers take at once, and for closing.
ANSWER_SECONDS = STOP_SECONDS - 4.0

_log = structlog.get_logger("ninai")


def drain_on_sigterm(stop: Callable[[], None], seconds: float) -> None:
    """Handle SIGTERM: be not ready for so many seconds, then stop; a second SIGTERM ends the wait.

    All requests are served meanwhile. SIGINT stops at once, and so does SIGTERM with `seconds` of zero.
    """

    def stop_now(*_: object) -> None:
        signal_workers(STOP_SIGNAL)
        stop()

    signal.signal(signal.SIGINT, stop_now)
    if seconds == 0:
        signal.signal(signal.SIGTERM, stop_now)
        return
    began = False

    def drain(*_: object) -> None:
        nonlocal began
        if began:
            stop_now()
            return
        began = True
        signal_workers(DRAIN_SIGNAL)
        _log.info("leaving", seconds=seconds)
        timer = Timer(seconds, stop_now)
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, drain)


def signal_workers(number: signal.Signals) -> None:
    """Send a signal to every worker."""
    for worker in multiprocessing.active_children():
        if worker.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(worker.pid, number)


@contextmanager
def handling_drain_signals(drain: Callable[[], None], shutdown: Shutdown) -> Iterator[None]:
    """Call `drain` when the drain begins, and begin the `shutdown` with the stop, for as long as the context lasts."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(DRAIN_SIGNAL, drain)
    loop.add_signal_handler(STOP_SIGNAL, shutdown.begin, ANSWER_SECONDS)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {DRAIN_SIGNAL, STOP_SIGNAL})
    try:
        yield
    finally:
        loop.remove_signal_handler(DRAIN_SIGNAL)
        # A signal after this finds no request under way, and must not end the process before all is closed.
        signal.pthread_sigmask(signal.SIG_BLOCK, {STOP_SIGNAL})
        loop.remove_signal_handler(STOP_SIGNAL)
