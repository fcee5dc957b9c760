"""The reason why the service stops: the first one that comes up, logged when it does, and once more at the end."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import structlog

from observability.logs import timestamp

_log = structlog.get_logger("ninai")
BY_ITSELF = "the server ended by itself"
CRASHING = "workers end by themselves as soon as they are started"


class StopReason:
    """Record the first reason; `now` is a monotonic clock, `wall` returns seconds since 1970."""

    def __init__(self, now: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self.reason: str | None = None
        self._now = now
        self._wall = wall
        self._began = 0.0
        self._began_at = ""

    def record(self, reason: str, *, ordered: bool = False) -> None:
        """Record a reason, unless there is one; `ordered` says that the stop was requested."""
        if self.reason is not None:
            return
        self.reason = reason
        self._began = self._now()
        self._began_at = timestamp(self._wall())
        log = _log.info if ordered else _log.warning
        log("stopping", reason=reason)

    def record_signals(self, lost: Callable[[], str | None]) -> None:
        """Record SIGTERM and SIGINT before their handlers run; `lost` returns what has been lost, if that is the cause.

        A lost part has this process interrupt itself.
        """
        process = os.getpid()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._recording(signal.getsignal(number), lost, process))

    @contextmanager
    def logged(self) -> Iterator[None]:
        """Log at the end of the context that the service has stopped, if it ever had a reason to."""
        try:
            yield
        finally:
            if self.reason is not None:
                seconds = round(self._now() - self._began, 1)
                _log.info("stopped", reason=self.reason, since=self._began_at, seconds=seconds)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Record a reason if the context, which serves, ends without one."""
        try:
            yield
        except SystemExit:
            self.record(CRASHING)
            raise
        except Exception as error:  # Any error of the server is raised on unchanged; only its words are recorded here.
            self.record(f"{BY_ITSELF}: {error}")
            raise
        self.record(BY_ITSELF)

    def _recording(
        self, former: "Handler", lost: Callable[[], str | None], process: int
    ) -> Callable[[int, FrameType | None], None]:
        def handle(number: int, frame: FrameType | None) -> None:
            # A worker that has just been forked still has the handlers of this process.
            if os.getpid() == process:
                reason = lost()
                self.record(reason or signal.Signals(number).name, ordered=reason is None)
            if callable(former):
                former(number, frame)

        return handle


Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None
