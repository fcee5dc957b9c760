"""A provider as the console shows it."""

from collections.abc import Sequence

from msgspec import Struct

from app.console.sparkline import Sparkline, sparkline
from app.console.wording import BreakerWish, filling
from app.settings import Settings
from app.settings.annotations import tag_of
from observability.latency import LatencyHistory
from providers.chain.breaker_state import BreakerState
from providers.chain.status import ChainStatus, ProviderStatus, Role

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


def provider_view(place: int, chain: ChainStatus, settings: Settings, history: LatencyHistory) -> ProviderView:
    """Show the provider that stands at `place` in the order, counted from 0."""
    status = chain.providers[place]
    return ProviderView(
        place=place + 1,
        status=status,
        kind=kind_of(status.name, settings),
        mood=_MOODS.get(status.breaker.state, "bad"),
        filling=filling(status.progress, status.reason) if status.role is Role.FILLING else None,
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
