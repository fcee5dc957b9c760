"""How late this process notices that a time is up: it may have been computing, stopped, or asleep."""

import asyncio


class Absence:
    """Watches one moment, so many seconds from now; `seconds` is how late it was noticed, 0 before that."""

    __slots__ = ("_loop", "_timer", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = 0.0
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(seconds, self._notice)

    def end(self) -> None:
        """Watch no longer."""
        self._timer.cancel()

    def _notice(self) -> None:
        self.seconds = self._loop.time() - self._timer.when()
