"""The gauges of a chain: roles, breakers, backlogs and backfills."""

from collections.abc import Mapping
from math import nan

from msgspec import Struct

from observability.metrics import Metrics
from providers.chain.backfill import Progress
from providers.chain.breaker_state import BreakerSnapshot, BreakerState
from providers.chain.comparing.comparison import Fault
from providers.chain.status import ChainStatus, ProviderStatus, Role


class Gauges(Struct):
    """Show the current state alone: a provider that has left the order has no gauges."""

    metrics: Metrics
    _seen: set[str] = set()
    _kinds: dict[str, str] = {}

    def begin(self, provider: str, kind: str) -> None:
        """Show a provider that was opened, with a closed breaker."""
        self._seen.discard(provider)
        self._set_kind(provider, kind)
        self._set_breaker(provider, BreakerState.CLOSED)

    def breaker_changed(self, snapshot: BreakerSnapshot) -> None:
        """Show the new state of a breaker."""
        if snapshot.provider in self._kinds:  # the last calls to a provider that has left may still fail
            self._set_breaker(snapshot.provider, snapshot.state)

    def show(self, status: ChainStatus) -> None:
        """Update all gauges from a status."""
        has_journal = status.journal is not None or status.journal_error is not None
        self.metrics.journal_up.set(status.journal is not None if has_journal else nan)
        names = {provider.name for provider in status.providers}
        # Each time anew: a provider that is being closed may still report.
        for gone in self._seen - names:
            self._hide(gone)
        self._seen |= names
        for provider in status.providers:
            self._show(provider, has_backlog=status.journal is not None)

    def _show(self, provider: ProviderStatus, *, has_backlog: bool) -> None:
        metrics, name = self.metrics, provider.name
        for role in Role:
            metrics.provider_role.labels(name, role.value).set(provider.role is role)
        # Once more: the breaker of a replaced provider may have reported after the new one did.
        self._set_breaker(name, provider.breaker.state)
        metrics.calls_in_flight.labels(name).set(provider.in_flight)
        metrics.background_tries_in_flight.labels(name).set(provider.background_tries)
        metrics.places.labels(name).set(provider.places)
        metrics.retries_left.labels(name).set(provider.retries_left)
        metrics.asked_second.labels(name).set(provider.asked_second)
        for operation, seconds in provider.patience.items():
            metrics.patience.labels(name, operation).set(seconds)
        if has_backlog:
            metrics.journal_pending.labels(name).set(provider.pending)
            metrics.journal_oldest.labels(name).set(provider.oldest_pending_seconds)
            metrics.journal_dead.labels(name).set(provider.dead)
        metrics.store_refused.labels(name).set(provider.refused)
        if provider.role is Role.RESTORED and provider.behind_seconds is not None:
            metrics.store_behind.labels(name).set(provider.behind_seconds)
        else:
            metrics.store_behind.remove_by_labels({"provider": name})
        self._show_backfill(name, provider.progress)
        self._show_differences(name, provider.differences)

    def _show_backfill(self, provider: str, progress: Progress | None) -> None:
        metrics = self.metrics
        if progress is None:
            metrics.filling_memories.remove_by_labels({"provider": provider})
            metrics.filling_users.remove_by_labels({"provider": provider})
            return
        metrics.filling_users.labels(provider).set(progress.copied_users)
        for step in ("copied", "verified", "repaired"):
            metrics.filling_memories.labels(provider, step).set(getattr(progress, step))

    def _show_differences(self, provider: str, differences: Mapping[str, int]) -> None:
        for kind in Fault:
            self.metrics.store_differences.labels(provider, kind.value).set(differences.get(kind.value, 0))

    def _hide(self, provider: str) -> None:
        """Remove the gauges of a provider that has left the order: their last values would be exported for ever."""
        metrics = self.metrics
        of_journal = (metrics.journal_pending, metrics.journal_oldest, metrics.journal_dead)
        of_backfill = (
            metrics.filling_memories,
            metrics.filling_users,
            metrics.embeddings_waiting,
            metrics.embedder_change,
        )
        of_calls = (metrics.breaker_state, metrics.calls_in_flight, metrics.places)
        of_tries = (metrics.retries_left, metrics.background_tries_in_flight)
        of_hedges = (metrics.asked_second, metrics.patience)
        of_store = (metrics.store_differences, metrics.store_refused, metrics.store_behind)
        for gauge in (metrics.provider_role, *of_store, *of_calls, *of_tries, *of_hedges, *of_journal, *of_backfill):
            gauge.remove_by_labels({"provider": provider})
        self._set_kind(provider, None)

    def _set_breaker(self, provider: str, now: BreakerState) -> None:
        for state in BreakerState:
            self.metrics.breaker_state.labels(provider, state.value).set(state is now)

    def _set_kind(self, provider: str, kind: str | None) -> None:
        """Show the kind of provider that has a name now, and remove the kind that had it before."""
        self.metrics.provider_kind.remove_by_labels({"provider": provider})
        self._kinds.pop(provider, None)
        if kind is not None:
            self._kinds[provider] = kind
            self.metrics.provider_kind.labels(provider, kind).set(1)
