"""The route: the providers that take part, as one frozen value, so that switching the order is one assignment."""

from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from providers.chain.errors import Refused
from providers.chain.link import Link


class NobodyInSync(Refused):
    """No provider in the order has received everything, so that none may answer."""

    outcome = "incomplete"


class Route(Struct, frozen=True, dict=True):
    """The links in the configured order, and the names of the providers in sync, which have received everything.

    `presumed`: the in-sync set is a guess, because the journal has never been reached. It suffices for an answer that
    is marked as perhaps incomplete, and for nothing else. `restored` are the names of those that were in sync before
    their stores were rolled back: while nobody else may answer, the first of them does, and its answers are marked.
    Until then the `holders` may have what it lost, and so may the `silent`, which cannot be asked.
    """

    links: tuple[Link, ...]
    in_sync: frozenset[str]
    presumed: bool = False
    restored: tuple[str, ...] = ()
    holders: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()

    @cached_property
    def readers(self) -> tuple[Link, ...]:
        """The providers that may answer a read, in the order to be asked; the first of them is home."""
        complete = tuple(link for link in self.links if link.name in self.in_sync)
        return complete or self._restored

    @cached_property
    def is_restored(self) -> bool:
        """Whether nobody may answer but a provider that was rolled back."""
        return bool(self.readers) and self.readers == self._restored

    @property
    def _restored(self) -> tuple[Link, ...]:
        links = (self.link(name) for name in self.restored)
        return tuple(link for link in links if link is not None)[:1]

    @property
    def home(self) -> Link | None:
        """The provider whose confirmation makes a write `stored`; None while no provider is in sync."""
        return self.readers[0] if self.readers else None

    def only(self, name: str) -> "Route":
        """Return the route on which this provider alone may answer reads."""
        restored = tuple(other for other in self.restored if other == name and self.is_restored)
        return replace(self, in_sync=self.in_sync & {name}, restored=restored)

    @property
    def verified(self) -> "Route":
        """The route without presumed providers, for callers to whom the journal has answered."""
        return replace(self, in_sync=frozenset(), presumed=False) if self.presumed else self

    def link(self, name: str) -> Link | None:
        """Return the link of this name, None if it is not in the order."""
        return next((link for link in self.links if link.name == name), None)
