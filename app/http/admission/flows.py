"""The callers that have requests here, and their users; each is forgotten with the last of its requests."""

import asyncio
from collections import deque


class Waiter:
    """Wait for `units`; the result of `granted` is whether they were granted in time.

    What becomes free is kept for it until a moment of the loop's time at most.
    """

    __slots__ = ("granted", "kept_until", "slot", "units")

    def __init__(self, slot: "Slot", units: float, granted: asyncio.Future[bool], kept_until: float) -> None:
        self.slot, self.units, self.granted, self.kept_until = slot, units, granted, kept_until


class UserFlow:
    """Hold how many units one user of a caller has under way (`used`), and what waits, first come first.

    `virtual` is its virtual time: the units that it was granted, and at least as much as those that wait beside it.
    """

    __slots__ = ("key", "queue", "requests", "used", "virtual", "waiting")

    def __init__(self, key: bytes, virtual: float) -> None:
        self.key, self.virtual = key, virtual
        self.requests = 0
        self.used = self.waiting = 0.0
        self.queue: deque[Waiter] = deque()


class CallerFlow:
    """Hold the same for a caller, and its users; `queued` are those of them that wait, `now` is their virtual time.

    `waiting_dear` counts the dear requests that wait.
    """

    __slots__ = ("key", "now", "queued", "requests", "used", "users", "virtual", "waiting", "waiting_dear")

    def __init__(self, key: str, virtual: float) -> None:
        self.key, self.virtual = key, virtual
        self.requests = self.waiting_dear = 0
        self.used = self.waiting = self.now = 0.0
        self.users: dict[bytes, UserFlow] = {}
        self.queued: dict[bytes, UserFlow] = {}


class Slot:
    """Hold the units that one request has under way; for more of them it waits `patience` seconds, if not longer."""

    __slots__ = ("caller", "patience", "units", "user")

    def __init__(self, caller: CallerFlow, user: UserFlow, patience: float) -> None:
        self.caller, self.user, self.patience = caller, user, patience
        self.units = 0.0
