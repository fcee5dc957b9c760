"""The reporting of contradictions: the first of a provider at once, then their number from time to time."""

from collections.abc import Callable

from msgspec import Struct

REPORTED_EVERY_SECONDS = 60.0  # a store that was rolled back contradicts with every second read


class _Noted(Struct):
    """How often a provider has contradicted since it was last reported, and when that was."""

    reported_at: float
    count: int = 0


class Contradictions(Struct):
    """The providers that did not show what they had confirmed."""

    now: Callable[[], float]
    _noted: dict[str, _Noted] = {}

    def note(self, provider: str) -> int:
        """Record a contradiction, and return how many there were since the last report, 0 if none is to be made."""
        now = self.now()
        noted = self._noted.setdefault(provider, _Noted(now - REPORTED_EVERY_SECONDS))
        noted.count += 1
        if now - noted.reported_at < REPORTED_EVERY_SECONDS:
            return 0
        count, self._noted[provider] = noted.count, _Noted(now)
        return count

    def forget(self, provider: str) -> None:
        """Forget a provider that has left the order."""
        self._noted.pop(provider, None)
