"""A provider as the console shows it."""

from collections.abc import Sequence

from msgspec import Struct

from app.console.sparkline import Sparkline, sparkline
from app.console.wording import STATES, duration, filling
from app.settings import Settings
from app.settings.annotations import tag_of
from observability.latency import LatencyHistory
from providers.chain.breaker_state import BreakerSnapshot, BreakerState
from providers.chain.status import ProviderStatus, Role

FORCED = frozenset({BreakerState.FORCED_OPEN, BreakerState.FORCED_CLOSED})
_MOODS = {BreakerState.CLOSED: "good", BreakerState.HALF_OPEN: "warn", BreakerState.FORCED_CLOSED: "warn"}


class BreakerAction(Struct, frozen=True):
    """Offer an action on a breaker, by its name in the admin API and in words."""

    state: str
    words: str


class ProviderView(Struct, frozen=True, kw_only=True):
    """Show one provider; `up` and `down` are the orders in which it has changed places, if it can."""

    place: int
    name: str
    kind: str
    role: str
    complete: bool
    breaker: str
    mood: str
    why: str
    since: str
    probe: str | None
    window: str
    last_error: str | None
    calls: str
    pending: str
    oldest: str | None
    dead: str
    filling: str | None
    latency: Sparkline | None
    actions: tuple[BreakerAction, ...]
    up: str | None
    down: str | None


def provider_view(
    place: int, status: ProviderStatus, order: Sequence[str], settings: Settings, history: LatencyHistory
) -> ProviderView:
    """Show the provider that stands at `place` in the order, counted from 0."""
    breaker = status.breaker
    return ProviderView(
        place=place + 1,
        name=status.name,
        kind=kind_of(status.name, settings),
        role=status.role.value,
        complete=status.role is not Role.FILLING,
        breaker=STATES[breaker.state],
        mood=_MOODS.get(breaker.state, "bad"),
        why=breaker.why,
        since=duration(breaker.seconds_in_state),
        probe=None if breaker.seconds_to_probe is None else duration(breaker.seconds_to_probe),
        window=f"{breaker.failures:,} of {breaker.calls:,}",
        last_error=breaker.last_error,
        calls=f"{status.in_flight:,} of {status.places:,}",
        pending=f"{status.pending:,}",
        oldest=duration(status.oldest_pending_seconds) if status.pending else None,
        dead=f"{status.dead:,}",
        filling=filling(status.progress, status.reason) if status.role is Role.FILLING else None,
        latency=sparkline(history, status.name),
        actions=_actions(breaker),
        up=_swapped(order, place - 1) if place else None,
        down=_swapped(order, place) if place + 1 < len(order) else None,
    )


def kind_of(name: str, settings: Settings) -> str:
    """Return the kind of the provider with this name."""
    provider = settings.providers.get(name)
    return "unknown" if provider is None else str(tag_of(type(provider)))


def _actions(breaker: BreakerSnapshot) -> tuple[BreakerAction, ...]:
    every = (
        (BreakerAction("open", "Force open"), breaker.state is not BreakerState.FORCED_OPEN),
        (BreakerAction("closed", "Force closed"), breaker.state is not BreakerState.FORCED_CLOSED),
        (BreakerAction("auto", "Release"), breaker.state in FORCED),
    )
    return tuple(action for action, possible in every if possible)


def _swapped(order: Sequence[str], place: int) -> str:
    """Return the order in which the provider at `place` and the next one have changed places."""
    return ",".join([*order[:place], order[place + 1], order[place], *order[place + 2 :]])
