"""The feed of a chain: that of home, whose confirmations make writes `stored`."""

from collections.abc import Awaitable

from msgspec.structs import replace

from providers.chain.context import ChainContext
from providers.chain.deadline import CallOptions
from providers.chain.fallback import Fallback
from providers.chain.hedging.order import Hedging
from providers.chain.link import Link
from providers.chain.policy import OperationClass
from providers.chain.route import NobodyInSync, Route
from providers.errors import FeedLost
from providers.feed import FeedPage, FeedQuery, check_feed


class FeedReader:
    """Ask home alone: each store numbers changes in its own way, so that nobody else can go on with a feed of home.

    A write that is only in the journal is told as soon as home has it.
    """

    def __init__(self, context: ChainContext) -> None:
        self._context = context
        self._fallback = Fallback(context, Hedging())

    async def page(self, route: Route, query: FeedQuery) -> FeedPage:
        """Return what changed behind a position; see `MemoryStore`.

        Raises:
            NobodyInSync: no provider is home now.
        """
        check_feed(query)
        home = route.verified.home
        if home is None:
            raise NobodyInSync("no provider in the order has received everything")
        if query.after is not None and query.provider != home.name:
            raise FeedLost(f"the cursor is of the provider {query.provider}, and home is {home.name}")

        def ask(link: Link, options: CallOptions) -> Awaitable[FeedPage]:
            return link.call(lambda provider: provider.feed(query), OperationClass.READ, options, owner=query.owner)

        with self._context.begin(route.verified.only(home.name), OperationClass.READ) as execution:
            await self._context.check_session(execution.deadline.remaining())
            page = await self._fallback.first(execution, OperationClass.READ, ask, hedged=False)
            return replace(page, **execution.facts)
