"""The readiness of this process: it can serve now and for a while."""

from collections.abc import Callable
from typing import Literal

from msgspec import UNSET, UnsetType

from app.http.operator_schemas import ReadyResponse
from app.mode.mode_file import Mode
from app.process.health_cache import HealthCache
from app.process.warm_up import WarmUp


class Readiness:
    """Combine the state of the process itself with the health of the providers.

    The former counts at once: a process that drains is not ready, whatever the health of its providers.
    """

    def __init__(self, health: HealthCache, warm_up: WarmUp, mode: Callable[[], Mode]) -> None:
        self.health, self._mode = health, mode
        self.draining = False
        self._warm_up = warm_up

    def drain(self) -> None:
        """Be not ready from now on."""
        self.draining = True
        self.health.stop_waiting()

    async def answer(self) -> ReadyResponse:
        """Return the readiness at the time of the answer, not at that of the request."""
        healthy, providers = await self.health.readiness(decided=self.draining or self._warm_up.running)
        reason: Literal["leaving", "warming", "unhealthy"] | UnsetType = UNSET
        if self.draining:
            reason = "leaving"
        elif self._warm_up.running:
            reason = "warming"
        elif not healthy:
            reason = "unhealthy"
        return ReadyResponse(
            ready=reason is UNSET, providers=providers, leaving=self.draining, reason=reason, mode=self._mode()
        )
