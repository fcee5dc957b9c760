"""Users under quota lose nothing that was acknowledged: whatever fails, and whatever is refused."""

import asyncio
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from app.quotas.quota_provider import QuotaProvider
from app.quotas.quotas import Quotas
from app.quotas.tenant_counts import CountedTenants
from app.quotas.user_counts import CountedUsers
from app.settings.quotas import QuotaSettings, QuotasSettings
from observability.metrics import Metrics
from providers.base import MemoryProvider
from providers.chain.holding import holdings_of, holdings_page
from providers.chain.route import Route
from tests.simulation.design import RealDesign
from tests.simulation.drawing import script_of
from tests.simulation.run import run

_SHARDS, _SEEDS = 20, 20
_FIRST_SHARDS = 1  # which `make test` runs
_PARTS = [pytest.param(shard, marks=() if shard < _FIRST_SHARDS else pytest.mark.thorough) for shard in range(_SHARDS)]
_QUOTAS = QuotasSettings(user=QuotaSettings(memories=2, bytes=60))


def _now() -> float:
    return asyncio.get_running_loop().time()


class QuotaDesign(RealDesign):
    """What is shipped, with quotas that the clients of every run come up against."""

    def __init__(self) -> None:
        self.metrics = Metrics(CollectorRegistry())
        self._called: dict[int, QuotaProvider] = {}
        self._held: list[MemoryProvider] = []  # so that no two of them ever have one id

    def called(self, provider: MemoryProvider, route: Callable[[], Route]) -> MemoryProvider:
        """See `Design`."""
        found = self._called.get(id(provider))
        if found is None:
            self._held.append(provider)
            quotas = Quotas(
                CountedUsers(lambda owner: holdings_of(route(), owner), _now),
                CountedTenants(lambda limit, after: holdings_page(route(), limit, after), _now),
                self.metrics,
            )
            quotas.configure(_QUOTAS)
            found = self._called[id(provider)] = QuotaProvider(lambda: provider, quotas)
        return found

    @property
    def refused(self) -> float:
        """How many memories were refused."""
        values = (self.metrics.quota_refused.labels("user", unit) for unit in ("memories", "bytes"))
        return float(sum(value._value.get() for value in values))  # noqa: SLF001 - the client has no other way to ask


@pytest.mark.thorough
@pytest.mark.parametrize("shard", _PARTS)
def test_promises_are_kept_under_quota(shard: int) -> None:
    """In no run is anything lost, stored twice, resurrected or left undelivered; and in many something is refused."""
    refused = 0
    for seed in range(shard * _SEEDS, (shard + 1) * _SEEDS):
        design = QuotaDesign()
        assert run(script_of(seed), design).wrong == [], f"seed {seed}"
        refused += design.refused > 0

    assert refused > _SEEDS / 5
