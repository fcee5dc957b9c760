"""Which postponements of a filling are told: the first for each reason, and then rarely."""

import re
from collections.abc import Callable

from msgspec import Struct

REMINDER_SECONDS = 3_600.0  # until the same reason is told again

_NUMBERS = re.compile(r"\d+")


class _PostponedBackfill(Struct):
    since: float
    tries: int = 0
    reason: str = ""
    reported_at: float = 0.0


class Postponement(Struct, frozen=True):
    """What is to be told: the first moment at which it could not be filled, and how often it was tried since."""

    since: float
    tries: int


class PostponedBackfills:
    """The newcomers that cannot be filled now."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._waiting: dict[str, _PostponedBackfill] = {}

    def postponed(self, provider: str, reason: str) -> Postponement | None:
        """Take note of it, and give what is to be told."""
        now = self._now()
        waiting = self._waiting.setdefault(provider, _PostponedBackfill(now))
        waiting.tries += 1
        # What is counted in a reason changes while the reason stays.
        kind = _NUMBERS.sub("", reason)
        if kind == waiting.reason and now - waiting.reported_at < REMINDER_SECONDS:
            return None
        waiting.reason, waiting.reported_at = kind, now
        return Postponement(waiting.since, waiting.tries)

    def forget(self, provider: str) -> None:
        """Take note that it has been filled, or is gone."""
        self._waiting.pop(provider, None)
