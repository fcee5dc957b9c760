"""The first page of the console: the overview for an operator."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from app.admin.chain_service import ChainService
from app.admin.journal_service import JournalService
from app.admin.order_service import OrderService
from app.console.callers_view import CallersView, callers_view
from app.console.console import Console
from app.console.headline import ALL_IS_WELL, Situation, headline
from app.console.host_view import HostView, host_view
from app.console.sparkline import Sparkline, sparkline
from app.console.troubles import troubles
from app.console.wording import BreakerWish, filling
from app.http.operator_schemas import DeadLettersResponse, OrderResponse
from app.mode.mode_file import ServiceMode
from app.reloading.reloader import Reloader
from app.settings import Settings
from app.settings.annotations import tag_of
from observability.latency import LatencyHistory
from providers.chain.breaker_state import BreakerState
from providers.chain.policy import OperationClass
from providers.chain.status import ChainStatus, ProviderStatus
from providers.journal.base import JournalUnavailable
from providers.journal.operations import JournalStatus
from providers.provenance.quarantines import Quarantines

FORCED = frozenset({BreakerState.FORCED_OPEN, BreakerState.FORCED_CLOSED})
_MOODS = {BreakerState.CLOSED: "good", BreakerState.HALF_OPEN: "warn", BreakerState.FORCED_CLOSED: "warn"}


class ProviderView(Struct, frozen=True, kw_only=True):
    """Show one provider; `up` and `down` are the orders in which it has changed places, if it can.

    `filling` describes how far it is, None if it has received everything. `stopped` is whether its server is stopped
    for maintenance; `actions` are possible ones on its breaker.
    """

    place: int
    status: ProviderStatus
    kind: str
    mood: str
    filling: str | None
    latency: Sparkline | None
    stopped: bool
    actions: tuple[BreakerWish, ...]
    up: str | None
    down: str | None


def _provider(
    place: int, chain: ChainStatus, settings: Settings, history: LatencyHistory, host: HostView
) -> ProviderView:
    """Show the provider that stands at `place` in the order, counted from 0."""
    status = chain.providers[place]
    return ProviderView(
        place=place + 1,
        status=status,
        kind=kind_of(status.name, settings),
        mood=_MOODS.get(status.breaker.state, "bad"),
        filling=filling(status.progress, status.reason) if status.role.incomplete else None,
        latency=sparkline(history, status.name, f"the attempts of this process at {status.name}"),
        stopped=status.name in host.stopped,
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
    """Hold all that the first page shows; `headline` is the effect on callers, `troubles` what needs attention."""

    at: datetime
    headline: str
    troubles: tuple[str, ...]
    callers: CallersView
    home: str | None
    providers: list[ProviderView]
    journal: JournalView | None
    order: OrderResponse
    reload: Reloader

    @property
    def well(self) -> bool:
        """Whether nothing needs attention."""
        return self.headline == ALL_IS_WELL


class OperatorServices(Struct, frozen=True):
    """Hold the services that the console uses, the same as those of the admin API."""

    chain: ChainService
    journal: JournalService
    order: OrderService


async def overview(
    services: OperatorServices, settings: Settings, console: Console, mode: ServiceMode, quarantines: Quarantines
) -> Overview:
    """Gather the whole overview."""
    status, host = await services.chain.status(), await host_view(settings)
    journal = await _journal(status, services.journal, settings)
    callers = callers_view(console.histories.callers, await console.counts())
    situation = Situation(
        status=status,
        reading=services.chain.explain(OperationClass.RECALL.value),
        callers=callers,
        journalled=journal is not None,
        full=host.full,
    )
    found = (*_of_mode(mode), *_of_quarantines(quarantines), *troubles(status, callers, host, services.order.reloader))
    return Overview(
        at=datetime.now(UTC),
        headline=headline(situation, found),
        troubles=found,
        callers=callers,
        home=status.home,
        providers=[
            _provider(place, status, settings, console.histories.attempts, host)
            for place in range(len(status.providers))
        ],
        journal=journal,
        order=services.order.describe(),
        reload=services.order.reloader,
    )


def _of_mode(mode: ServiceMode) -> Iterator[str]:
    if mode.mode == "read_only":
        yield f"Writes are refused, as {mode.set_by} has set: {mode.reason}."


def _of_quarantines(quarantines: Quarantines) -> Iterator[str]:
    for one in quarantines.active:
        writer = f"the key {one.key}" if one.caller is None else one.caller
        ended = "" if one.until is None else f" and before {one.until:%Y-%m-%d %H:%M} UTC"
        written = f"What {writer} wrote since {one.since:%Y-%m-%d %H:%M} UTC{ended}"
        yield f"{written} is in quarantine, as {one.set_by} has set."
