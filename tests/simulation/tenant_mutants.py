"""Designs that lose the tenant of an owner on one path, while two tenants have a user of one name."""

from collections.abc import Coroutine, Sequence
from typing import Any

from msgspec.structs import replace

from providers.errors import ProviderError
from providers.journal.base import Journal
from providers.journal.operations import Delivery, JournalEntry
from providers.owners import Owner
from providers.replica import Replica
from providers.states.clock import HybridClock
from providers.types import Snapshot
from tests.simulation.design import RealDesign
from tests.simulation.journal import FaultyRunner, SimulatedJournal


class StoresDropTenant(RealDesign):
    """A store files the states that it is brought to, by deliveries and by backfills, under the user alone."""

    def store(self, clock: HybridClock, name: str, *, weak: bool) -> Replica:
        """Return such a store, weak or not."""
        store = super().store(clock, name, weak=False)
        put_many = store.put_many

        def put_flat(snapshots: Sequence[Snapshot]) -> Coroutine[Any, Any, list[ProviderError | None]]:
            return put_many([_dropped(state) for state in snapshots])

        vars(store)["put_many"] = put_flat
        return store


class DeliveriesDropTenant(RealDesign):
    """The relay gets the memories of all tenants as those of one."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Return a journal that leases them out so."""
        return _Leasing(runner, looks=looks)


class OverlayDropsTenant(RealDesign):
    """What is pending is looked up by the user alone."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Return a journal that looks so."""
        return _Laying(runner, looks=looks)


def _dropped(state: Snapshot) -> Snapshot:
    return replace(state, user_id=state.owner.user)


class _Leasing(SimulatedJournal):
    async def lease(self, provider: str, limit: int, seconds: float) -> list[Delivery]:
        leased = await super().lease(provider, limit, seconds)
        return [replace(delivery, state=_dropped(delivery.state)) for delivery in leased]


class _Laying(SimulatedJournal):
    async def entries(self, owner: Owner, provider: str, limit: int, tombstones: int) -> list[JournalEntry]:
        return await super().entries(Owner(owner.user), provider, limit, tombstones)


TENANT_MUTANTS: tuple[type[RealDesign], ...] = (StoresDropTenant, DeliveriesDropTenant, OverlayDropsTenant)
