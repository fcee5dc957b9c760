"""The stores of a chain for its operator: how two of them differ, and the merge of one with the others."""

import structlog
from msgspec import Struct

from app.http.problems import ANOTHER_STORE, NO_JOURNAL, UNKNOWN_PROVIDER, RequestError
from providers.chain.chain import Chain
from providers.chain.comparing.choosing import AnotherStore, to_compare, to_merge
from providers.chain.comparing.pages import DiffPage, MergePage
from providers.chain.comparing.walking import WalkPlace
from providers.errors import InvalidInput
from providers.journal.base import Journal

_log = structlog.get_logger(__name__)


class StoresService(Struct, frozen=True):
    """Serve the requests of `operator`, the id of a key, about the stores of a chain."""

    chain: Chain
    operator: str

    async def diff(self, first: str, second: str, after: str | None, limit: int) -> DiffPage:
        """Compare two providers from a place on, for some seconds.

        Raises:
            RequestError: there is no journal, or a provider is not in the order or another store than it was.
            InvalidInput: the two are one, or the place is none.
            Unavailable: a provider or the journal does not answer.
        """
        journal, place = self._checked(first, second), _place(after)
        if first == second:
            raise InvalidInput("other", "must be another provider")
        try:
            pages = await to_compare(journal, self.chain.links(), {first, second})
        except AnotherStore as error:
            raise RequestError(ANOTHER_STORE, str(error)) from error
        return await pages.diff(place, limit)

    async def merge(self, name: str, after: str | None) -> MergePage:
        """Merge a provider with the complete ones from a place on, for some seconds; raise as `diff` does."""
        journal, place = self._checked(name), _place(after)
        route = self.chain.route
        try:
            pages = await to_merge(journal, route.links, name, route.in_sync)
        except AnotherStore as error:
            raise RequestError(ANOTHER_STORE, str(error)) from error
        merged = await pages.merge(place)
        if place is None:
            _log.warning("merge_begun", provider=name, operator=self.operator)
        if merged.next_after is None:
            _log.warning("merge_ended", provider=name, operator=self.operator)
            if self.chain.membership is not None:
                self.chain.membership.filling.again(name)
        return merged

    def _checked(self, *names: str) -> Journal:
        for name in names:
            if self.chain.route.link(name) is None:
                known = ", ".join(link.name for link in self.chain.links())
                raise RequestError(UNKNOWN_PROVIDER, f"{name[:100]!r} is not in the order, which is: {known}")
        if self.chain.journal is None:
            raise RequestError(NO_JOURNAL, "A single provider needs none, and journal.kind requests none")
        return self.chain.journal


def _place(after: str | None) -> WalkPlace | None:
    return None if after is None else WalkPlace.read(after)
