"""The reporting of postponed backfills: the first postponement for each reason, and rare reminders."""

import re
from collections.abc import Callable

from msgspec import Struct

REMINDER_SECONDS = 3_600.0  # until the same reason is reported again

_NUMBERS = re.compile(r"\d+")


class _PostponedBackfill(Struct):
    since: float
    tries: int = 0
    reason: str = ""
    reported_at: float = 0.0


class Postponement(Struct, frozen=True):
    """A postponement to report: when the backfill failed first, and how often it has been tried since."""

    since: float
    tries: int


class PostponedBackfills:
    """The providers whose backfill is postponed."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._waiting: dict[str, _PostponedBackfill] = {}

    def postponed(self, provider: str, reason: str) -> Postponement | None:
        """Record a postponement, and return what to report, None if nothing."""
        now = self._now()
        waiting = self._waiting.setdefault(provider, _PostponedBackfill(now))
        waiting.tries += 1
        # Numbers in a reason change while the reason stays the same.
        kind = _NUMBERS.sub("", reason)
        if kind == waiting.reason and now - waiting.reported_at < REMINDER_SECONDS:
            return None
        waiting.reason, waiting.reported_at = kind, now
        return Postponement(waiting.since, waiting.tries)

    def forget(self, provider: str) -> None:
        """Forget a provider that has been backfilled or has left the order."""
        self._waiting.pop(provider, None)
