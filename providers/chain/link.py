"""One provider of a chain: every call of the chain to the provider goes through its link."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from providers.chain.attempts import Attempts
from providers.chain.call_options import CallOptions
from providers.chain.policy import OperationClass
from providers.replica import Replica

Result = TypeVar("Result")


class Link:
    """A provider and its name, called within the limits of its attempts."""

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
        """Call the provider; see `Attempts.run` for the retries and the errors."""
        provider = self.provider
        # Every operation of a replica is idempotent, so each call may be repeated.
        return self.attempts.run(lambda: ask(provider), operation, options, size=size)
