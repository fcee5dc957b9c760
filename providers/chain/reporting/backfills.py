"""The reporting of postponed backfills: the first postponement for each reason, and rare reminders."""

import re
from collections.abc import Callable

from msgspec import Struct

REMINDER_SECONDS = 3_600.0  # until the same reason is reported again

_NUMBERS = re.compile(r"\d+")


class Postponement(Struct):
    """A postponed backfill: when it failed first, how often it has been tried since, and what was reported of it."""

    since: float
    tries: int = 0
    reason: str = ""
    reported_at: float = 0.0


class PostponedBackfills(Struct):
    """The providers whose backfill is postponed."""

    now: Callable[[], float]
    _waiting: dict[str, Postponement] = {}

    def postponed(self, provider: str, reason: str) -> Postponement | None:
        """Record a postponement, and return what to report, None if nothing."""
        now = self.now()
        waiting = self._waiting.setdefault(provider, Postponement(now))
        waiting.tries += 1
        # Numbers in a reason change while the reason stays the same.
        kind = _NUMBERS.sub("", reason)
        if kind == waiting.reason and now - waiting.reported_at < REMINDER_SECONDS:
            return None
        waiting.reason, waiting.reported_at = kind, now
        return waiting

    def forget(self, provider: str) -> None:
        """Forget a provider that has been backfilled or has left the order."""
        self._waiting.pop(provider, None)
