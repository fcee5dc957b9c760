"""How far versions are ahead of the clock is to be seen in the metrics of the process that met them."""

from prometheus_client import CollectorRegistry

from app.process.chain_factory import ChainFactory
from app.settings import load
from observability.metrics import Metrics
from providers.replica import Replica


async def test_the_gauge_tells_what_the_clock_has_met() -> None:
    """Nothing at first; then by how much the greatest version is ahead of what the clock would mint now."""
    registry = CollectorRegistry()
    chains = ChainFactory(Metrics(registry))

    async with chains.running(load(None, {"MEMORY_PROVIDER": "mock"}).settings) as chain:
        assert registry.get_sample_value("ninai_clock_ahead_seconds") == 0
        [link] = chain.links()
        assert isinstance(link.provider, Replica)
        await link.provider.remember("anna", "tea", version=chains.clock.next() + (7_200_000 << 16))

        ahead = registry.get_sample_value("ninai_clock_ahead_seconds")
        assert ahead is not None
        assert 7_100 < ahead <= 7_200
