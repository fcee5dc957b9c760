"""The service says why it stops, once when it begins to and once when it has."""

import os
import signal
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from structlog.testing import capture_logs

from app.process.stopping import BY_ITSELF, CRASHING, StopReason
from tests.support.clock import FakeClock


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Put back the handlers of the test run."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_it_tells_why_and_since_when() -> None:
    """The first reason counts."""
    clock = FakeClock(0.0)
    stopping = StopReason(clock, lambda: 1_800_000_000.0)
    with capture_logs() as logs, stopping.logged():
        clock.pass_by(100.0)
        stopping.record("SIGTERM", ordered=True)
        stopping.record("SIGINT", ordered=True)
        clock.pass_by(2.5)

    assert logs == [
        {"event": "stopping", "log_level": "info", "reason": "SIGTERM"},
        {
            "event": "stopped",
            "log_level": "info",
            "reason": "SIGTERM",
            "since": "2027-01-15T08:00:00.000000Z",
            "seconds": 2.5,
        },
    ]


def test_what_never_served_does_not_stop() -> None:
    """Why it could not start is told by the error."""
    with capture_logs() as logs, pytest.raises(OSError, match="no room"), StopReason().logged():
        raise OSError("no room")

    assert logs == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [(None, BY_ITSELF), (SystemExit(1), CRASHING), (RuntimeError("a bug"), f"{BY_ITSELF}: a bug")],
)
def test_a_server_that_ends_without_an_order_is_a_warning(error: BaseException | None, reason: str) -> None:
    """However it ends."""
    stopping = StopReason()
    with capture_logs() as logs, nullcontext() if error is None else pytest.raises(type(error)), stopping.serving():
        if error is not None:
            raise error

    assert logs == [{"event": "stopping", "log_level": "warning", "reason": reason}]


@pytest.mark.parametrize(
    ("number", "lost", "reason", "level"),
    [
        (signal.SIGTERM, None, "SIGTERM", "info"),
        (signal.SIGINT, None, "SIGINT", "info"),
        (signal.SIGINT, "the database ended", "the database ended", "warning"),
    ],
)
def test_a_signal_is_a_reason(number: signal.Signals, lost: str | None, reason: str, level: str) -> None:
    """Unless something was lost, which is why the process interrupts itself; whoever heeds it does so as before."""
    heeded: list[int] = []
    signal.signal(number, lambda told, _frame: heeded.append(told))
    stopping = StopReason()
    stopping.record_signals(lambda: lost)

    with capture_logs() as logs:
        os.kill(os.getpid(), number)

    assert logs == [{"event": "stopping", "log_level": level, "reason": reason}]
    assert heeded == [number]


def test_a_worker_does_not_tell_of_it() -> None:
    """It is forked with the handlers of the main process."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stopping = StopReason()
    stopping.record_signals(lambda: None)
    child = os.fork()
    if child == 0:
        os.kill(os.getpid(), signal.SIGTERM)
        os._exit(0 if stopping.reason is None else 1)

    assert os.waitpid(child, 0)[1] == 0
