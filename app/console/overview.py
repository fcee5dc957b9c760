"""The first page of the console: the overview for an operator."""

from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec import Struct

from app.admin.chain_service import ChainService
from app.admin.journal_service import JournalService
from app.admin.order_service import OrderService
from app.console.console import Console
from app.console.journal_view import JournalView, journal_view
from app.console.provider_view import ProviderView, provider_view
from app.console.wording import counted
from app.http.schemas import OrderResponse
from app.reloading.reloader import Reloader
from app.settings import Settings
from providers.chain.breaker_state import BreakerState
from providers.chain.status import ChainStatus


class Overview(Struct, frozen=True, kw_only=True):
    """Hold all that the first page shows; `troubles` are sentences on what needs attention."""

    at: datetime
    troubles: tuple[str, ...]
    home: str | None
    providers: list[ProviderView]
    journal: JournalView | None
    order: OrderResponse
    reload: Reloader


class OperatorServices(Struct, frozen=True):
    """Hold the services that the console uses, the same as those of the admin API."""

    chain: ChainService
    journal: JournalService
    order: OrderService


async def overview(services: OperatorServices, settings: Settings, console: Console) -> Overview:
    """Gather the whole overview."""
    status = await services.chain.status()
    journal = await journal_view(status, services.journal, settings)
    return Overview(
        at=datetime.now(UTC),
        troubles=tuple(_troubles(status, journal, services.order.reloader)),
        home=status.home,
        providers=[provider_view(place, status, settings, console.history) for place in range(len(status.providers))],
        journal=journal,
        order=services.order.describe(),
        reload=services.order.reloader,
    )


def _troubles(status: ChainStatus, journal: JournalView | None, reload: Reloader) -> Iterator[str]:
    if status.home is None:
        yield "No provider has received everything, so none can be home."
    for provider in status.providers:
        breaker = provider.breaker
        if breaker.state is not BreakerState.CLOSED:
            yield f"The breaker of {provider.name} is {breaker.state.value.replace('_', ' ')}: {breaker.why}."
        if provider.dead:
            yield f"{provider.name} has {counted(provider.dead, 'dead letter', 'dead letters')}."
    if journal is not None and journal.error is not None:
        yield "The journal is out of reach: no write is accepted."
    if reload.refused_for is not None:
        yield "The last change to the configuration was refused."
    if waiting := len(reload.for_restart):
        yield f"{counted(waiting, 'setting has', 'settings have')} changed, and would take effect at a restart."
