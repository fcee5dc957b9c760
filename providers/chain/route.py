"""Which providers there are and who may answer: one frozen value, so that a switch of the order is one assignment."""

from msgspec import Struct

from providers.chain.errors import Refused
from providers.chain.link import Link


class NobodyComplete(Refused):
    """No provider in the order has received everything, so that nobody may answer."""

    outcome = "incomplete"


class Route(Struct, frozen=True):
    """The links in the configured order, and the names of those who have received everything."""

    links: tuple[Link, ...]
    complete: frozenset[str]

    @property
    def readers(self) -> tuple[Link, ...]:
        """Who may answer a read, in the order to be asked; the first of them is home."""
        return tuple(link for link in self.links if link.name in self.complete)

    @property
    def home(self) -> Link | None:
        """The provider whose confirmation makes a write `stored`; None while nobody has received everything."""
        return next((link for link in self.links if link.name in self.complete), None)

    def only(self, name: str) -> "Route":
        """Give the route on which this provider alone may answer reads."""
        return Route(self.links, self.complete & {name})

    def link(self, name: str) -> Link | None:
        """Give the link of this name, if it is in the order."""
        return next((link for link in self.links if link.name == name), None)
