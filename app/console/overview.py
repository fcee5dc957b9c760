"""The first page of the console: the overview for an operator."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from app.admin.chain_service import ChainService
from app.admin.journal_service import JournalService
from app.admin.order_service import OrderService
from app.console.console import Console
from app.console.sparkline import Sparkline, sparkline
from app.console.wording import BreakerWish, counted, duration, filling
from app.http.operator_schemas import DeadLettersResponse, OrderResponse
from app.mode.mode_file import ServiceMode
from app.reloading.reloader import Reloader
from app.settings import Settings
from app.settings.annotations import tag_of
from observability.latency import LatencyHistory
from providers.chain.breaker_state import BreakerState
from providers.chain.status import ChainStatus, ProviderStatus, Role
from providers.journal.base import JournalUnavailable
from providers.journal.operations import JournalStatus

FORCED = frozenset({BreakerState.FORCED_OPEN, BreakerState.FORCED_CLOSED})
_MOODS = {BreakerState.CLOSED: "good", BreakerState.HALF_OPEN: "warn", BreakerState.FORCED_CLOSED: "warn"}


class ProviderView(Struct, frozen=True, kw_only=True):
    """Show one provider; `up` and `down` are the orders in which it has changed places, if it can.

    `filling` describes how far it is, None if it has received everything; `actions` are possible ones on its breaker.
    """

    place: int
    status: ProviderStatus
    kind: str
    mood: str
    filling: str | None
    latency: Sparkline | None
    actions: tuple[BreakerWish, ...]
    up: str | None
    down: str | None


def _provider(place: int, chain: ChainStatus, settings: Settings, history: LatencyHistory) -> ProviderView:
    """Show the provider that stands at `place` in the order, counted from 0."""
    status = chain.providers[place]
    return ProviderView(
        place=place + 1,
        status=status,
        kind=kind_of(status.name, settings),
        mood=_MOODS.get(status.breaker.state, "bad"),
        filling=filling(status.progress, status.reason) if status.role.incomplete else None,
        latency=sparkline(history, status.name),
        actions=_actions(status.breaker.state),
        up=_swapped(chain.order, place - 1) if place else None,
        down=_swapped(chain.order, place) if place + 1 < len(chain.order) else None,
    )


def kind_of(name: str, settings: Settings) -> str:
    """Return the kind of the provider with this name."""
    provider = settings.providers.get(name)
    return "unknown" if provider is None else str(tag_of(type(provider)))


def _actions(state: BreakerState) -> tuple[BreakerWish, ...]:
    possible: dict[BreakerWish, bool] = {
        "open": state is not BreakerState.FORCED_OPEN,
        "closed": state is not BreakerState.FORCED_CLOSED,
        "auto": state in FORCED,
    }
    return tuple(wish for wish in possible if possible[wish])


def _swapped(order: Sequence[str], place: int) -> str:
    """Return the order in which the provider at `place` and the next one have changed places."""
    return ",".join([*order[:place], order[place + 1], order[place], *order[place + 2 :]])


LETTERS = 20  # on the page; the command line lists them all


class JournalView(Struct, frozen=True, kw_only=True):
    """Show a journal; `error` says why it cannot be read, None while it is up; `now` is seconds since 1970."""

    kind: str
    error: str | None
    status: JournalStatus | None = None
    letters: DeadLettersResponse | None = None
    now: float = 0.0


async def _journal(status: ChainStatus, service: JournalService, settings: Settings) -> JournalView | None:
    """Show the journal, None where there is none."""
    chosen = settings.journal.resolved()
    if service.journal is None or chosen is None:
        return None
    kind = str(tag_of(type(chosen)))
    if status.journal is None:
        return JournalView(kind=kind, error=status.journal_error)
    try:
        letters = await service.dead(LETTERS, 0)
    except JournalUnavailable as error:
        return JournalView(kind=kind, error=error.reason)
    return JournalView(kind=kind, error=None, status=status.journal, letters=letters, now=time.time())


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


async def overview(services: OperatorServices, settings: Settings, console: Console, mode: ServiceMode) -> Overview:
    """Gather the whole overview."""
    status = await services.chain.status()
    journal = await _journal(status, services.journal, settings)
    return Overview(
        at=datetime.now(UTC),
        troubles=(*_of_mode(mode), *_troubles(status, journal, services.order.reloader)),
        home=status.home,
        providers=[_provider(place, status, settings, console.history) for place in range(len(status.providers))],
        journal=journal,
        order=services.order.describe(),
        reload=services.order.reloader,
    )


def _of_mode(mode: ServiceMode) -> Iterator[str]:
    if mode.mode == "read_only":
        yield f"Writes are refused, as {mode.set_by} has set: {mode.reason}."


def _lost(seconds: float | None) -> str:
    return "some of what it had received" if seconds is None else f"what it had received in {duration(seconds)}"


def _troubles(status: ChainStatus, journal: JournalView | None, reload: Reloader) -> Iterator[str]:
    if status.home is None:
        yield "No provider has received everything, so none can be home."
    for provider in status.providers:
        if provider.role is Role.RESTORED:
            yield f"{provider.name} has lost {_lost(provider.behind_seconds)}."
        if provider.refused:
            yield f"The store of {provider.name} is refused: {provider.reason}."
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
