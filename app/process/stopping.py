"""Why the service stops: the first reason that comes up, told when it does, and once more at the end."""

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
    """What is known of it; `now` is a monotonic clock, `wall` gives seconds since 1970."""

    def __init__(self, now: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self.reason: str | None = None
        self._now = now
        self._wall = wall
        self._began = 0.0
        self._began_at = ""

    def because(self, reason: str, *, ordered: bool = False) -> None:
        """Take a reason, unless there is one; `ordered` if somebody wants the service to stop."""
        if self.reason is not None:
            return
        self.reason = reason
        self._began = self._now()
        self._began_at = timestamp(self._wall())
        log = _log.info if ordered else _log.warning
        log("stopping", reason=reason)

    def record_signals(self, lost: Callable[[], str | None]) -> None:
        """Take note of SIGTERM and SIGINT before whoever heeds them; `lost` says what has been lost, if that is why.

        What is lost has this process interrupted.
        """
        process = os.getpid()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._noting(signal.getsignal(number), lost, process))

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell at the end of the context that the service has stopped, if it ever had a reason to."""
        try:
            yield
        finally:
            if self.reason is not None:
                _log.info(
                    "stopped", reason=self.reason, since=self._began_at, seconds=round(self._now() - self._began, 1)
                )

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Know that the context, which serves, does not end without a reason."""
        try:
            yield
        except SystemExit:
            self.because(CRASHING)
            raise
        except Exception as error:  # whatever ends the server goes on as it is; only its words are told here
            self.because(f"{BY_ITSELF}: {error}")
            raise
        self.because(BY_ITSELF)

    def _noting(
        self, former: "Handler", lost: Callable[[], str | None], process: int
    ) -> Callable[[int, FrameType | None], None]:
        def heed(number: int, frame: FrameType | None) -> None:
            # A worker that has just been forked still has the handlers of this process.
            if os.getpid() == process:
                reason = lost()
                self.because(reason or signal.Signals(number).name, ordered=reason is None)
            if callable(former):
                former(number, frame)

        return heed


Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None
