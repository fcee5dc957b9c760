"""A running chain whose order may have any two kinds of stores in it, each empty at first."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from app.process.chain_factory import ChainFactory
from app.settings import Settings
from app.settings.model import ChainSettings
from observability.metrics import Metrics
from observability.secret import Secret
from providers.base import MemoryProvider
from providers.chain.chain import Chain
from providers.chain.comparing.choosing import to_compare, to_merge
from providers.chain.comparing.pages import DiffPage, MergePage, StorePages
from providers.chain.policy import AttemptPolicy, ExpiryPolicy, OperationPolicy, RelayPolicy, ReplayPolicy
from providers.factory import ProviderSettings
from providers.journal.base import Journal
from providers.journal.sqlite.settings import SqliteJournalSettings
from providers.mem0.settings import Mem0Settings
from providers.replica import Replica
from tests.support.following import eventually
from tests.support.mem0_platform import PlatformServer
from tests.support.native import host_for, native_settings
from tests.support.opensearch import OpenSearchServer
from tests.support.pinecone.running import PineconeServer
from tests.support.redis import RedisServer

KINDS = ("native", "redis", "opensearch", "pinecone", "mem0")
PATIENCE = 120.0  # seconds, however busy the machine is

_KEY = "m0-key"
_ANY = OperationPolicy(deadline=60.0, try_limit=30.0)
_PATIENT = AttemptPolicy(
    recall=_ANY, read=_ANY, remember=_ANY, delete=_ANY, replay=ReplayPolicy(deadline=60.0, try_limit=30.0)
)


class MovingStage:
    """A chain in an order over stores by the names of their kinds."""

    def __init__(self, kinds: dict[str, ProviderSettings], folder: Path, stack: AsyncExitStack) -> None:
        self._kinds, self._folder, self._stack = kinds, folder, stack
        self._chains = ChainFactory(Metrics(CollectorRegistry()))
        self._running: Chain | None = None

    @property
    def chain(self) -> Chain:
        """The chain in force."""
        assert self._running is not None
        return self._running

    @property
    def provider(self) -> MemoryProvider:
        """The chain as its callers use it, in the order that is in force by now."""
        return self.chain.provider

    @property
    def journal(self) -> Journal:
        """The journal of the chain."""
        assert self.chain.journal is not None
        return self.chain.journal

    def at(self, name: str) -> Replica:
        """One of the stores itself."""
        link = self.chain.route.link(name)
        assert link is not None
        return link.provider

    def fresh(self, name: str) -> AbstractAsyncContextManager[Replica]:
        """Open a provider over one of the stores that knows nothing yet."""
        return self._kinds[name].open(host_for(self._folder))

    async def order(self, *names: str) -> None:
        """Put an order in force, the first is home."""
        settings = Settings(
            order=list(names),
            providers=self._kinds,
            data_dir=self._folder,
            journal=SqliteJournalSettings(),
            chain=ChainSettings(
                deliveries=RelayPolicy(first_wait=0.05, longest_wait=0.2, poll=0.1),
                attempts=dict.fromkeys(names, _PATIENT),
                expiry=ExpiryPolicy(enabled=False),  # what has expired is hidden by whoever reads it
            ),
        )
        if self._running is None:
            self._running = await self._stack.enter_async_context(self._chains.running(settings))
        else:
            await self._running.switch(self._chains.parts(settings))

    async def complete(self) -> None:
        """Wait until every store of the order has received everything."""

        async def is_complete() -> bool:
            return {link.name for link in self.chain.links()} == self.chain.route.in_sync

        await eventually(is_complete, PATIENCE)

    async def delivered(self) -> None:
        """Wait until every store of the order has confirmed everything."""

        async def is_delivered() -> bool:
            backlogs = [one for one in (await self.journal.status()).backlogs if self.chain.route.link(one.provider)]
            assert not any(one.dead for one in backlogs), backlogs
            return not any(one.pending for one in backlogs)

        await eventually(is_delivered, PATIENCE)

    async def diff(self, first: str, second: str) -> DiffPage:
        """Compare two stores, as `ninai providers diff` does."""
        page = await (await to_compare(self.journal, self.chain.links(), {first, second})).diff(None, 100)
        assert page.next_after is None
        return page

    async def merge(self, name: str) -> MergePage:
        """Merge a store with the complete ones, as `ninai providers merge` does."""
        route = self.chain.route
        pages: StorePages = await to_merge(self.journal, route.links, name, route.in_sync)
        page = await pages.merge(None)
        assert page.next_after is None
        return page


@asynccontextmanager
async def moving_stage(
    folder: Path, dsn: str, redis: RedisServer, opensearch: OpenSearchServer, pinecone: PineconeServer
) -> AsyncIterator[MovingStage]:
    """Hold a stage with an empty store of each kind, and without an order yet."""
    async with PlatformServer(api_key=_KEY) as mem0, AsyncExitStack() as stack:
        kinds: dict[str, ProviderSettings] = {
            "native": native_settings(dsn),
            "redis": redis.settings(),
            "opensearch": opensearch.settings(),
            "pinecone": pinecone.settings(),
            "mem0": Mem0Settings(base_url=mem0.base_url, api_key=Secret(_KEY), dialect="platform"),
        }
        yield MovingStage(kinds, folder, stack)
