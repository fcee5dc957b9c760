"""The limiter: it counts what callers ask, and refuses what is too much before anything is done."""

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct

from app.http.problems import RATE_LIMITED, RequestError
from app.rates.buckets import WINDOW, Buckets
from app.settings.limits import LimitSettings
from observability.metrics import Metrics
from observability.notes import Notes, Rate, current
from providers.owners import Owner
from providers.wrapper import OperationName

By = Literal["key", "user", "tenant"]
Unit = Literal["requests", "memories"]
BYS: tuple[By, ...] = ("key", "user", "tenant")
UNITS: tuple[Unit, ...] = ("requests", "memories")
# What stores or changes memories. Deleting is never limited by how many it concerns.
_FILLING = frozenset(
    {
        OperationName.REMEMBER,
        OperationName.REMEMBER_MANY,
        OperationName.UPDATE,
        OperationName.UPDATE_MANY,
        OperationName.KEEP_VERSIONS,
    }
)
REFUSED = "rate"  # in the access line


class Limit(Struct, frozen=True):
    """Define one limit: whose requests or memories it counts, its quota in a `WINDOW`, and the buckets."""

    by: By
    unit: Unit
    quota: int
    buckets: Buckets

    @property
    def name(self) -> str:
        """The name of its policy, as answers have it."""
        return self.by if self.unit == "requests" else f"{self.by}-{self.unit}"


class RateLimiter:
    """Limit what each key, user and tenant asks of this process, one of `workers`; `now` is in seconds.

    Each process grants its share of what is configured, without asking the others; or all of it while it is `shared`,
    as it hears of what the others take (see `app/rates/sharing.py`).
    """

    def __init__(self, settings: LimitSettings, workers: int, metrics: Metrics, now: Callable[[], float]) -> None:
        self._workers, self._metrics, self._now = workers, metrics, now
        self._settings: LimitSettings | None = None
        self.limits: list[Limit] = []
        self.shared = False
        self.configure(settings)

    def configure(self, settings: LimitSettings) -> None:
        """Put changed limits in force, with full buckets."""
        if settings == self._settings:
            return
        self._settings, self.limits = settings, []
        for by in BYS:
            for unit in UNITS:
                quota = getattr(getattr(settings, by), unit)
                if quota is not None:
                    buckets = Buckets(self._capacity(quota), counts=settings.store is not None)
                    self.limits.append(Limit(by, unit, quota, buckets))

    def share(self, *, shared: bool) -> None:
        """Grant all of it from now on, or only the share of this process."""
        self.shared = shared
        for limit in self.limits:
            limit.buckets.resize(self._capacity(limit.quota), self._now())

    def admit(self, caller: str, tenant: str) -> None:
        """Count a request of a caller and its tenant; raise `RequestError` if it is too much."""
        if self.limits:
            self._take([(limit, name, 1) for limit, name in self._of("requests", {"key": caller, "tenant": tenant})])

    def permit(self, operation: OperationName, size: int) -> None:
        """Count what an operation asks of its user, and the memories that it stores; raise as `admit`."""
        notes = current.get()
        if not self.limits or notes is None or not notes.owners:
            return
        taken = []
        if not notes.counted:  # for all of them that the request names, once
            notes.counted = True
            for owner in notes.owners:
                taken += [(limit, name, 1) for limit, name in self._of("requests", {"user": _key(owner)})]
        if operation in _FILLING:
            owner = notes.owners[-1]
            names: dict[By, str] = {"key": notes.caller or "", "user": _key(owner), "tenant": owner[0]}
            taken += [(limit, name, size) for limit, name in self._of("memories", names)]
        self._take(taken)

    def _capacity(self, quota: int) -> float:
        return float(quota) if self.shared else max(1.0, quota / self._workers)

    def _of(self, unit: Unit, names: dict[By, str]) -> list[tuple[Limit, str]]:
        return [(limit, names[limit.by]) for limit in self.limits if limit.unit == unit and limit.by in names]

    def _take(self, wanted: Sequence[tuple[Limit, str, int]]) -> None:
        """Take everything that is wanted, or nothing."""
        now, notes = self._now(), current.get()
        waits = [(limit.buckets.wait(name, amount, now), limit) for limit, name, amount in wanted]
        seconds, longest = max(waits, key=lambda one: one[0], default=(0, None))
        if longest is None or not seconds:
            for limit, name, amount in wanted:
                limit.buckets.take(name, amount, now)
        for limit, name, _ in wanted:
            _show(notes, limit, limit.buckets.left(name, now))
        if longest is not None and seconds:
            self._refuse(longest, seconds, notes)

    def _refuse(self, limit: Limit, seconds: int, notes: Notes | None) -> None:
        self._metrics.rate_limited.labels(limit.by, limit.unit).inc()
        if notes is not None:
            notes.refused = REFUSED
        detail = f"This {limit.by} may ask for {limit.quota} {limit.unit} in {WINDOW} seconds; nothing was done"
        raise RequestError(RATE_LIMITED, detail, headers={"Retry-After": str(seconds)})


def _show(notes: Notes | None, limit: Limit, left: tuple[int, int]) -> None:
    if notes is not None:
        notes.rates[limit.name] = Rate(limit.quota, WINDOW, *left)


def _key(owner: tuple[str, str]) -> str:
    tenant, user = owner
    return Owner(user, tenant).key
