"""What an eraser needs of a chain."""

from typing import Protocol

from providers.base import MemoryProvider
from providers.chain.observer import ChainObserver
from providers.chain.policy import ChainPolicy
from providers.chain.route import Route
from providers.journal.base import Journal


class ErasedChain(Protocol):
    """What an eraser needs of a chain; the route and the journal may be others by the next call."""

    holder: str
    observer: ChainObserver
    policy: ChainPolicy

    @property
    def journal(self) -> Journal | None:
        """The journal, None as long as there is none."""

    @property
    def route(self) -> Route:
        """The providers that take part now."""

    @property
    def provider(self) -> MemoryProvider:
        """The chain as its callers use it."""

    async def records(self, *, create: bool = True) -> Journal | None:
        """Return who keeps erasures: the journal, or a file beside a single provider; None if there is no file yet."""
