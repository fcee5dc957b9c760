"""Whether this process can serve now, and will for a while."""

from app.http.schemas import ReadyResponse
from app.process.health_cache import Looks
from app.process.warm_up import Warmth


class Readiness:
    """What is known of it in the process itself, without asking anybody, and what the providers say.

    The former counts at once: a process that leaves says so to whoever asks next, however its providers are.
    """

    def __init__(self, looks: Looks, warmth: Warmth) -> None:
        self.looks = looks
        self.leaving = False
        self._warmth = warmth

    def leave(self) -> None:
        """Be not ready from now on."""
        self.leaving = True
        self.looks.hurry()

    async def answer(self) -> ReadyResponse:
        """Tell it as it is when the answer is given, not as it was when it was asked for."""
        healthy, providers = await self.looks.readiness(decided=self.leaving or self._warmth.warming)
        if self.leaving:
            return ReadyResponse(ready=False, providers=providers, leaving=True, reason="leaving")
        if self._warmth.warming:
            return ReadyResponse(ready=False, providers=providers, reason="warming")
        if not healthy:
            return ReadyResponse(ready=False, providers=providers, reason="unhealthy")
        return ReadyResponse(ready=True, providers=providers)
