"""How long an operation and each of its calls may take."""

import time
from collections.abc import Callable
from math import inf
from typing import Self

from msgspec import Struct

from observability import notes

Clock = Callable[[], float]  # the monotonic one, in seconds


class Shutdown(Struct):
    """The moment by which a process that shuts down must have answered every request, once it is known.

    A try that goes on after its caller was answered has one of its own, by which it is given up.
    """

    now: Clock = time.monotonic
    ends_at: float = inf

    @property
    def begun(self) -> bool:
        """Whether that moment is known."""
        return self.ends_at < inf

    def begin(self, seconds: float) -> None:
        """Bring every deadline forward to at most this many seconds from now, also those of requests under way."""
        self.ends_at = min(self.ends_at, self.now() + seconds)


class Deadline(Struct, frozen=True):
    """A moment on the monotonic clock; every step of an operation receives it, and it is only ever brought forward.

    It is wall time, so the lag of this process is not added to it. A `shutdown` brings it forward.
    """

    at: float
    now: Clock = time.monotonic
    shutdown: Shutdown | None = None

    @classmethod
    def after(cls, seconds: float, now: Clock = time.monotonic, shutdown: Shutdown | None = None) -> Self:
        """Return the deadline that lies this many seconds from now."""
        return cls(now() + seconds, now, shutdown)

    @classmethod
    def of_request(cls, configured: float, now: Clock, shutdown: Shutdown | None) -> Self:
        """Return the caller's own deadline, or the one `configured` seconds from now where the caller sent none.

        A caller that wants to wait longer for a confirmation, and names no deadline, moves the configured one.
        """
        request = notes.current.get()
        if request is None:
            return cls.after(configured, now, shutdown)
        asked = max(configured, request.wait or 0.0) if request.patience is None else request.patience
        return cls.after(asked, now, shutdown)

    def remaining(self) -> float:
        """Return the seconds left, never below zero."""
        shutdown = self.shutdown
        at = self.at if shutdown is None or self.at < shutdown.ends_at else shutdown.ends_at
        left = at - self.now()
        return left if left > 0.0 else 0.0  # noqa: FURB136 - every step asks, and `max` takes as long as all the rest

    @property
    def expired(self) -> bool:
        """Whether no time is left."""
        return self.remaining() <= 0.0

    def earlier(self, seconds: float) -> Self:
        """Return the deadline of a step that may take at most this many seconds from now; it is never a later one."""
        return type(self)(min(self.at, self.now() + seconds), self.now, self.shutdown)

    def keeping(self, seconds: float) -> Self:
        """Return the deadline of a first step that leaves `seconds` to the next step, but at most half of the rest."""
        remaining = self.remaining()
        return self.earlier(remaining - min(seconds, remaining / 2))

    def limit_try(self, seconds: float) -> float:
        """Return the seconds that one try may take: its own limit, or what remains."""
        return min(seconds, self.remaining())


class CallOptions(Struct, frozen=True):
    """The options of one call to a provider.

    `others`: another provider can be asked if this one does not answer soon, so waiting longer would only delay the
    caller. `last_resort`: the call is made whatever the breaker says, because no other provider is left. `hedge`: it is
    made beside a call to another provider, and given up once that one answers. `place` is the seconds for which a try
    waits for a slot of the provider, if that is less than it may take in all.
    """

    deadline: Deadline
    others: bool = False
    last_resort: bool = False
    hedge: bool = False
    place: float = inf
