"""The silence that an embedder asks for: kept by all who ask it, requests and background alike."""

import random
import time
from collections.abc import Callable

import structlog

from providers.embedders.base import OUT_OF_QUOTA, EmbedderUnavailable

# A longer wait is asked for by mistake, or for a day; asking once in ten minutes burdens nobody, and ends it in time.
LONGEST_COOLDOWN = 600.0  # seconds

# Somebody has to pay a bill or raise a limit, which no wait of seconds brings about.
QUOTA_COOLDOWN = 900.0  # seconds

# Of a silence, what it may be longer, so that replicas do not come back together; it is never shorter.
_SPREAD = 0.1

_log = structlog.get_logger(__name__)


class Cooldown:
    """Until when one embedder of this process is not to be asked; told in the log where somebody must act."""

    def __init__(
        self, model: str, now: Callable[[], float] = time.monotonic, chance: Callable[[], float] = random.random
    ) -> None:
        self._model = model
        self._now = now
        self._chance = chance
        self._until = 0.0
        self._reported = False

    @property
    def left(self) -> float:
        """Seconds of it that are left, zero if there is none."""
        return max(0.0, self._until - self._now())

    def heed(self, error: EmbedderUnavailable) -> float | None:
        """Keep silent for as long as an answer asks for, and give the seconds; None if it asks for nothing."""
        seconds = error.retry_after and min(error.retry_after, LONGEST_COOLDOWN)
        if error.outcome == OUT_OF_QUOTA:
            seconds = QUOTA_COOLDOWN
            if not self._reported:
                self._reported = True
                _log.error(
                    "embedder_out_of_quota",
                    model=self._model,
                    reason=error.reason,
                    advice=error.advice,
                    next_try_seconds=QUOTA_COOLDOWN,
                )
        if not seconds:
            return None
        seconds *= 1 + _SPREAD * self._chance()
        # What was asked earlier may be answered later, and with less.
        self._until = max(self._until, self._now() + seconds)
        return seconds

    def succeeded(self) -> None:
        """Take note of vectors: they end what was told, but no silence, which may be younger than their question."""
        if self._reported and not self.left:
            self._reported = False
            _log.info("embedder_has_quota_again", model=self._model)
