"""One provider of a chain: every call of the chain to the provider goes through its link."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from msgspec import Struct, field

from providers.chain.attempts import Attempts
from providers.chain.deadline import CallOptions
from providers.chain.policy import OperationClass
from providers.chain.shard_breakers import NO_SHARD
from providers.erasure.fenced import FencedReplica
from providers.erasure.fences import FenceList
from providers.owners import Owner
from providers.replica import Replica
from providers.types import Snapshot

Result = TypeVar("Result")

Ask = Callable[[Replica], Awaitable[Result]]


class Link(Struct, eq=False):
    """A provider and its name, called within the limits of its attempts, and behind the fences of erased owners."""

    name: str
    provider: Replica
    attempts: Attempts
    fences: FenceList = field(default_factory=FenceList)

    def has_erased(self, state: Snapshot) -> bool:
        """Return whether a state was erased, so that the provider may lack it, or shows it no more."""
        return state.version <= self.fences.version_of(state.owner)

    def call(
        self,
        ask: Ask[Result],
        operation: OperationClass,
        options: CallOptions,
        *,
        size: int = 1,
        owner: Owner | None = None,
    ) -> Coroutine[Any, Any, Result]:
        """Call the provider; see `Attempts.run` for the retries and the errors.

        `owner` is whom the call is about, None if that is nobody or more than one.
        """
        provider = FencedReplica(self.provider, self.fences) if self.fences else self.provider
        # Every operation of a replica is idempotent, so each call may be repeated.
        return self.attempts.run(lambda: ask(provider), operation, options, size=size, shard=self._shard(owner))

    def ask_store(
        self,
        ask: Ask[Result],
        operation: OperationClass,
        options: CallOptions,
        *,
        size: int = 1,
        owner: Owner | None = None,
    ) -> Coroutine[Any, Any, Result]:
        """Call the provider as `call` does, but for what it really holds, erased or not."""
        shard = self._shard(owner)
        return self.attempts.run(lambda: ask(self.provider), operation, options, size=size, shard=shard)

    def patience(self, operation: OperationClass) -> float:
        """Return the seconds after which an operation of this class is slower than in the provider's good times."""
        return self.attempts.pace.patience.seconds(operation)

    def _shard(self, owner: Owner | None) -> int | None:
        """Return the shard of an owner, None of a provider that has none."""
        if not self.provider.has_shards:
            return None
        return NO_SHARD if owner is None else self.provider.shard_of(owner)
