"""One provider of a chain: the only way in which the chain asks it."""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import TypeVar

from observability import notes
from providers.chain.attempts import Attempts
from providers.chain.policy import OperationClass
from providers.chain.turn import Turn
from providers.errors import Rejected, Unavailable
from providers.replica import Replica

Answer = TypeVar("Answer")


class Link:
    """A provider under its name, asked within the limits of its attempts."""

    __slots__ = ("attempts", "name", "provider")

    def __init__(self, name: str, provider: Replica, attempts: Attempts) -> None:
        self.name = name
        self.provider = provider
        self.attempts = attempts

    async def call(
        self,
        ask: Callable[[Replica], Awaitable[Answer]],
        operation: OperationClass,
        turn: Turn,
        *,
        size: int = 1,
    ) -> Answer:
        """Ask the provider; see `Attempts.run` for how often, and for what is raised."""
        provider = self.provider
        request = notes.current.get()

        async def timed() -> Answer:
            started = perf_counter()
            try:
                return await ask(provider)
            finally:
                if request is not None:
                    request.provider_seconds += perf_counter() - started

        # Every replica takes an operation twice without harm: that is what makes it one.
        try:
            answer = await self.attempts.run(timed, operation, turn, size=size)
        except Rejected:
            self._answered(request)
            raise
        except Unavailable as error:
            if request is not None:
                request.outcomes[self.name] = error.outcome
            raise
        self._answered(request)
        return answer

    def _answered(self, request: notes.Notes | None) -> None:
        if request is not None:
            request.provider = self.name
            request.outcomes[self.name] = "ok"
