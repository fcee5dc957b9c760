"""Construction of a running chain from the settings: its providers, its journal and its limits."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from app.process.erasure_file import erasure_file
from app.process.installation import Installation
from app.settings import Settings
from app.settings.annotations import tag_of
from observability.metrics import Metrics
from providers.chain.chain import Chain
from providers.chain.latency import LatencyObserver
from providers.chain.observer import ChainObserver
from providers.chain.observers import Observers
from providers.chain.opening import JournalSpec, ProviderSpec
from providers.chain.policy import AttemptPolicy
from providers.chain.reporting.reporter import Reporter
from providers.factory import MemoryProviderFactory, ProviderSettings
from providers.host import Host
from providers.replica import Replica
from providers.states.clock import HybridClock


class ChainFactory:
    """Make the parts of a chain from settings; one for each process."""

    def __init__(self, metrics: Metrics, *observers: ChainObserver) -> None:
        self.clock = HybridClock()
        self.observer = LatencyObserver(metrics)
        self.story = Reporter()
        self._metrics = metrics
        self._observers = observers
        metrics.clock_ahead.set_function(self.clock.ahead)

    @asynccontextmanager
    async def running(self, settings: Settings) -> AsyncIterator[Chain]:
        """Hold a chain in the configured order for the context; raise `OrderRefused` if it cannot be put in force."""
        observers = Observers(self.observer, self.story, *self._observers)
        chain = Chain(
            self.journal(settings),
            settings.chain,
            self.clock,
            observers,
            erasures=erasure_file(settings.data_dir, settings.erasure),
        )
        try:
            await chain.switch(self.parts(settings))
            yield chain
        finally:
            await chain.close()

    def parts(self, settings: Settings) -> Sequence[ProviderSpec]:
        """Return the providers in the configured order."""
        self.observer.expect_order(settings.order)
        return [self._part(name, settings) for name in settings.order]

    def journal(self, settings: Settings, *, on_trial: bool = False) -> JournalSpec:
        """Return the configured journal; `on_trial` opens it without leaving behind a new one.

        Raises:
            Misconfigured: the id of the installation cannot be read.
        """
        chosen = settings.journal.resolved()
        if chosen is None:
            return JournalSpec(opened=None, always=False, installation=None)
        installation = Installation.of(settings)
        opened = partial(chosen.open_on_trial if on_trial else chosen.open, self._host("journal", settings))
        return JournalSpec(
            opened=opened,
            always=settings.journal.always(settings.data_dir),
            installation=installation.id(),
            keep=installation.keep,
        )

    def _part(self, name: str, settings: Settings) -> ProviderSpec:
        provider = settings.providers[name]
        return ProviderSpec(
            name=name,
            settings=(provider, settings.chain.attempts.get(name)),
            opened=partial(self._opened, provider, self._host(name, settings)),
            attempts=settings.chain.attempts.get(name, AttemptPolicy()),
            limits=provider.limits,
        )

    def _opened(self, provider: ProviderSettings, host: Host) -> AbstractAsyncContextManager[Replica]:
        # Not for a provider that stays open when the order is switched: its breaker keeps its state.
        self.observer.expect(host.name, str(tag_of(type(provider))))
        return MemoryProviderFactory.create_provider(provider, host)

    def _host(self, name: str, settings: Settings) -> Host:
        tenants = settings.tenants.enabled
        return Host(
            name=name,
            data_dir=settings.data_dir,
            metrics=self._metrics,
            clock=self.clock,
            tenants=tenants,
            retention=settings.history.retention,
        )
