"""The places of operators, probes and scrapes: few, and none is held by a request that only waits."""

from collections.abc import Iterator
from contextlib import contextmanager

# Probes, scrapers and operators are few. More than so many at once are a flood, which would keep them out themselves.
MAX_OPERATORS = 256


class Operators:
    """Count the requests of operators that are under way; a request that is parked does not count."""

    def __init__(self) -> None:
        self.under_way = 0

    @property
    def full(self) -> bool:
        """Whether there is no place for another one."""
        return self.under_way >= MAX_OPERATORS

    @contextmanager
    def one_more(self) -> Iterator["Operators"]:
        """Hold a place while the context lasts."""
        self.under_way += 1
        try:
            yield self
        finally:
            self.under_way -= 1

    async def charge(self, price: float) -> None:
        """See `Charged`: operators are not charged."""

    @contextmanager
    def parked(self) -> Iterator[None]:
        """See `Charged`."""
        self.under_way -= 1
        try:
            yield
        finally:
            self.under_way += 1
