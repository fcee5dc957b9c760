"""The cooldown that an embedder asks for, kept by requests and background tasks alike."""

import random
import time
from collections.abc import Callable

import structlog

from providers.embedders.base import OUT_OF_QUOTA, EmbedderUnavailable

# A longer wait is a mistake, or lasts for a day; one call in ten minutes is no burden, and ends the cooldown in time.
LONGEST_COOLDOWN = 600.0  # seconds

# An operator has to pay a bill or raise a limit, which takes longer than seconds.
QUOTA_COOLDOWN = 900.0  # seconds

# The share by which a cooldown is prolonged at random, so that replicas do not retry together; it is never shortened.
_SPREAD = 0.1

Source = Callable[[], float]  # of seconds, or of chance in [0, 1]
_log = structlog.get_logger(__name__)


class Cooldown:
    """Keep until when one embedder of this process must not be called; where an operator must act, this is logged."""

    def __init__(self, model: str, now: Source = time.monotonic, chance: Source = random.random) -> None:
        self._model, self._now, self._chance = model, now, chance
        self._until = 0.0
        self._reported = False

    @property
    def left(self) -> float:
        """The seconds of the cooldown that are left, zero if there is none."""
        return max(0.0, self._until - self._now())

    def heed(self, error: EmbedderUnavailable) -> float | None:
        """Begin the cooldown that an error asks for, and return its seconds; None if it asks for none."""
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
        # An earlier call may be answered later, and with a shorter wait.
        self._until = max(self._until, self._now() + seconds)
        return seconds

    def succeeded(self) -> None:
        """Record a successful call: it ends what was logged, but no cooldown that began after the call."""
        if self._reported and not self.left:
            self._reported = False
            _log.info("embedder_has_quota_again", model=self._model)
