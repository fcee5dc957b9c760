"""The first page of the console: the overview for an operator."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from app.admin.chain_service import ChainService
from app.admin.journal_service import JournalService
from app.admin.order_service import OrderService
from app.console.configuration_view import ReloadView, reload_view
from app.console.console import Console
from app.console.journal_view import JournalView, journal_view
from app.console.provider_view import ProviderView, provider_view
from app.console.wording import counted, duration, moment
from app.http.schemas import OrderResponse
from app.settings import Settings
from providers.chain.breaker_state import BreakerState
from providers.chain.status import ChainStatus


class Overview(Struct, frozen=True, kw_only=True):
    """Hold all that the first page shows; `troubles` are sentences on what needs attention."""

    at: str
    uptime: str
    troubles: tuple[str, ...]
    home: str | None
    providers: tuple[ProviderView, ...]
    journal: JournalView | None
    order: OrderResponse
    since: str
    reload: ReloadView


class OperatorServices(Struct, frozen=True):
    """Hold the services that the console uses, the same as those of the admin API."""

    chain: ChainService
    journal: JournalService
    order: OrderService


async def overview(services: OperatorServices, settings: Settings, console: Console) -> Overview:
    """Gather the whole overview."""
    status = await services.chain.status()
    journal = await journal_view(status, services.journal, settings)
    order = services.order.describe()
    reload = reload_view(services.order.reloader)
    return Overview(
        at=moment(datetime.now(UTC)),
        uptime=duration(console.uptime),
        troubles=tuple(_troubles(status, journal, reload)),
        home=status.home,
        providers=_providers(status, settings, console),
        journal=journal,
        order=order,
        since=moment(order.since),
        reload=reload,
    )


def _providers(status: ChainStatus, settings: Settings, console: Console) -> tuple[ProviderView, ...]:
    order: Sequence[str] = status.order
    return tuple(
        provider_view(place, one, order, settings, console.history) for place, one in enumerate(status.providers)
    )


def _troubles(status: ChainStatus, journal: JournalView | None, reload: ReloadView) -> Iterator[str]:
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
    if reload.refused is not None:
        yield "The last change to the configuration was refused."
    if reload.waiting:
        yield f"{counted(reload.waiting, 'setting has', 'settings have')} changed, and would take effect at a restart."
