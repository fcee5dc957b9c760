"""Which providers there are and who may answer: one frozen value, so that a switch of the order is one assignment."""

from functools import cached_property

from msgspec import Struct

from providers.chain.errors import Refused
from providers.chain.link import Link


class NobodyInSync(Refused):
    """No provider in the order has received everything, so that nobody may answer."""

    outcome = "incomplete"


class Route(Struct, frozen=True, dict=True):
    """The links in the configured order, and the names of those who have received everything.

    `presumed`: that they have is a guess, since the journal has never been reached. Good enough for an answer that is
    marked as perhaps lacking something, and for nothing else.
    """

    links: tuple[Link, ...]
    in_sync: frozenset[str]
    presumed: bool = False

    @cached_property
    def readers(self) -> tuple[Link, ...]:
        """Who may answer a read, in the order to be asked; the first of them is home."""
        return tuple(link for link in self.links if link.name in self.in_sync)

    @property
    def home(self) -> Link | None:
        """The provider whose confirmation makes a write `stored`; None while nobody has received everything."""
        return self.readers[0] if self.readers else None

    def only(self, name: str) -> "Route":
        """Give the route on which this provider alone may answer reads."""
        return Route(self.links, self.in_sync & {name}, self.presumed)

    @property
    def verified(self) -> "Route":
        """The route for whoever the journal has answered: on it nobody is complete by a guess."""
        return Route(self.links, frozenset()) if self.presumed else self

    def link(self, name: str) -> Link | None:
        """Give the link of this name, if it is in the order."""
        return next((link for link in self.links if link.name == name), None)
