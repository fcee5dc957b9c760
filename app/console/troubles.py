"""The troubles that the console lists: sentences on what needs attention, the gravest first."""

from collections.abc import Iterator

from app.console.callers_view import CallersView
from app.console.host_view import HostView
from app.console.wording import STATES, counted, duration, share
from app.reloading.reloader import Reloader
from providers.chain.breaker_state import BreakerState
from providers.chain.status import ChainStatus, ProviderStatus, Role


def troubles(status: ChainStatus, callers: CallersView, host: HostView, reload: Reloader) -> Iterator[str]:
    """Yield a sentence on each thing that needs attention."""
    yield from _of_callers(callers)
    if host.full is not None:
        yield f"The disk of {host.full} is full: writes fail until there is room."
    if status.journal_error is not None:
        yield "The journal is out of reach: no write is accepted."
    if status.home is None:
        yield "No provider has received everything, so none can be home."
    for provider in status.providers:
        yield from _of_provider(provider, stopped=provider.name in host.stopped)
    if reload.refused_for is not None:
        yield "The last change to the configuration was refused."
    if waiting := len(reload.for_restart):
        yield f"{counted(waiting, 'setting has', 'settings have')} changed, and would take effect at a restart."


def _of_callers(callers: CallersView) -> Iterator[str]:
    whole = callers.whole
    if whole.errors:
        requests = counted(whole.requests, "request", "requests")
        yield f"{whole.errors:,} of {requests} ({share(whole.errors, whole.requests)}) failed in the last 15 minutes."
    if whole.refused:
        yield f"{counted(whole.refused, 'request was', 'requests were')} refused for too much work."


def _of_provider(provider: ProviderStatus, *, stopped: bool) -> Iterator[str]:
    if stopped:
        yield f"{provider.name} is stopped for maintenance: bring it back with `ninai db start {provider.name}`."
    if provider.role is Role.RESTORED:
        yield f"{provider.name} has lost {_lost(provider.behind_seconds)}."
    if provider.refused:
        yield f"The store of {provider.name} is refused: {provider.reason}."
    elif provider.unreached:
        yield f"The store of {provider.name} has not said yet which one it is: {provider.reason}."
    breaker = provider.breaker
    if breaker.state is not BreakerState.CLOSED:
        yield f"The breaker of {provider.name} is {STATES[breaker.state]}: {breaker.why}."
    if provider.dead:
        yield f"{provider.name} has {counted(provider.dead, 'dead letter', 'dead letters')}."


def _lost(seconds: float | None) -> str:
    return "some of what it had received" if seconds is None else f"what it had received in {duration(seconds)}"
