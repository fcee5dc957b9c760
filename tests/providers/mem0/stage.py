"""A chain over a mem0 that misbehaves when a test wants, and over any other providers."""

from contextlib import AsyncExitStack
from pathlib import Path

from prometheus_client import CollectorRegistry

from app.process.chain_factory import ChainFactory
from app.settings import Settings
from app.settings.model import ChainSettings
from observability import notes
from observability.metrics import Metrics
from observability.notes import Notes
from observability.secret import Secret
from providers.base import MemoryProvider
from providers.chain.chain import Chain
from providers.chain.policy import AttemptPolicy, BreakerPolicy, OperationPolicy, RelayPolicy, ReplayPolicy
from providers.factory import ProviderSettings
from providers.journal.operations import MemberState
from providers.journal.sqlite.settings import SqliteJournalSettings
from providers.measured import MeasuredProvider
from providers.mem0.settings import Mem0Settings
from providers.memory.settings import MockSettings
from providers.replica import Replica
from tests.support.fickle_http import FickleHttp
from tests.support.following import eventually
from tests.support.mem0_platform import PlatformServer
from tests.support.mem0_spec import SpecServer

KEY = "m0-key"
TIMEOUT = 1.0  # seconds for one request to mem0
MEM0, MOCK = "mem0", "mock"

_ANY = OperationPolicy(deadline=10.0, try_limit=TIMEOUT)
_PATIENT = AttemptPolicy(
    recall=_ANY, read=_ANY, remember=_ANY, delete=_ANY, replay=ReplayPolicy(deadline=10.0, try_limit=TIMEOUT)
)


class Stage:
    """A chain in an order over one mem0, behind a proxy that misbehaves, and over any others."""

    def __init__(self, server: SpecServer | PlatformServer, proxy: FickleHttp, folder: Path) -> None:
        self.server = server
        self.proxy = proxy
        dialect = "spec" if isinstance(server, SpecServer) else "platform"
        self.mem0 = Mem0Settings(base_url=proxy.base_url, dialect=dialect, api_key=Secret(KEY), timeout=TIMEOUT)  # type: ignore[arg-type] # mypy widens the literals
        self.noted = Notes("a request")
        self.stack = AsyncExitStack()
        self._folder = folder
        self._metrics = Metrics(CollectorRegistry())
        self._chains = ChainFactory(self._metrics)
        self._running: Chain | None = None

    @property
    def chain(self) -> Chain:
        """The chain in force."""
        assert self._running is not None
        return self._running

    @property
    def provider(self) -> MemoryProvider:
        """The chain for one more request, whose notes are `noted`."""
        self.noted = Notes("a request")
        notes.current.set(self.noted)
        return MeasuredProvider(lambda: self.chain.provider, lambda: "chain", self._metrics)

    def at(self, name: str) -> Replica:
        """One of the providers itself."""
        link = self.chain.route.link(name)
        assert link is not None
        return link.provider

    async def order(self, **providers: ProviderSettings) -> None:
        """Put an order in force, the first is home."""
        settings = Settings(
            order=list(providers),
            providers=providers,
            data_dir=self._folder,
            journal=SqliteJournalSettings(),
            chain=ChainSettings(
                breaker=BreakerPolicy(in_a_row=1_000, least_calls=1_000),  # every call shall meet what mem0 does
                deliveries=RelayPolicy(first_wait=0.05, longest_wait=0.2, poll=0.1),
                attempts=dict.fromkeys(providers, _PATIENT),
            ),
        )
        if self._running is None:
            self._running = await self.stack.enter_async_context(self._chains.running(settings))
        else:
            await self._running.switch(self._chains.parts(settings))

    async def complete(self) -> None:
        """Wait until every provider has received everything."""
        await eventually(self._is_complete)

    async def stand(self, *names: str) -> None:
        """Put these kinds in order; both are empty, so that neither has anything to receive."""
        kinds: dict[str, ProviderSettings] = {MEM0: self.mem0, MOCK: MockSettings()}
        await self.order(**{name: kinds[name] for name in names})
        assert self.chain.journal is not None
        await self.chain.journal.mark(names[1], MemberState.COMPLETE)
        await self.complete()

    async def delivered(self) -> None:
        """Wait until every provider has confirmed everything."""

        async def is_delivered() -> bool:
            assert self.chain.journal is not None
            status = await self.chain.journal.status()
            assert not any(backlog.dead for backlog in status.backlogs)
            return not any(backlog.pending for backlog in status.backlogs)

        await eventually(is_delivered)

    async def _is_complete(self) -> bool:
        return {link.name for link in self.chain.links()} == self.chain.route.in_sync
