"""One provider of a chain: the only way in which the chain asks it."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from providers.chain.attempts import Attempts
from providers.chain.call_options import CallOptions
from providers.chain.policy import OperationClass
from providers.replica import Replica

Result = TypeVar("Result")


class Link:
    """A provider under its name, asked within the limits of its attempts."""

    __slots__ = ("attempts", "name", "provider")

    def __init__(self, name: str, provider: Replica, attempts: Attempts) -> None:
        self.name = name
        self.provider = provider
        self.attempts = attempts

    def call(
        self,
        ask: Callable[[Replica], Awaitable[Result]],
        operation: OperationClass,
        options: CallOptions,
        *,
        size: int = 1,
    ) -> Coroutine[Any, Any, Result]:
        """Ask the provider; see `Attempts.run` for how often, and for what is raised."""
        provider = self.provider
        # Every replica takes an operation twice without harm: that is what makes it one.
        return self.attempts.run(lambda: ask(provider), operation, options, size=size)
