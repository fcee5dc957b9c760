"""The readiness of this process: it can serve now and for a while."""

from app.http.operator_schemas import ReadyResponse
from app.process.health_cache import HealthCache
from app.process.warm_up import WarmUp


class Readiness:
    """Combine the state of the process itself with the health of the providers.

    The former counts at once: a process that drains is not ready, whatever the health of its providers.
    """

    def __init__(self, health: HealthCache, warm_up: WarmUp) -> None:
        self.health = health
        self.draining = False
        self._warm_up = warm_up

    def drain(self) -> None:
        """Be not ready from now on."""
        self.draining = True
        self.health.stop_waiting()

    async def answer(self) -> ReadyResponse:
        """Return the readiness at the time of the answer, not at that of the request."""
        healthy, providers = await self.health.readiness(decided=self.draining or self._warm_up.running)
        if self.draining:
            return ReadyResponse(ready=False, providers=providers, leaving=True, reason="leaving")
        if self._warm_up.running:
            return ReadyResponse(ready=False, providers=providers, leaving=False, reason="warming")
        if not healthy:
            return ReadyResponse(ready=False, providers=providers, leaving=False, reason="unhealthy")
        return ReadyResponse(ready=True, providers=providers, leaving=False)
