"""The quotas in force: whether an owner may hold more, and the refusal if not."""

from typing import Literal

from app.quotas.tenant_counts import CountedTenants
from app.quotas.user_counts import CountedUsers
from app.settings.quotas import QuotaSettings, QuotasSettings
from observability.metrics import Metrics
from providers.errors import QuotaExceeded
from providers.holdings import Holdings
from providers.owners import Owner

NEAR = 0.9  # of a quota: from there on a user is counted more often


class Quotas:
    """Compare what owners hold with what they may hold.

    Nobody is refused out of ignorance: what cannot be counted is let through, and `ninai_quota_unknown_total` tells.
    """

    def __init__(self, users: CountedUsers, tenants: CountedTenants, metrics: Metrics) -> None:
        self.users, self.tenants, self._metrics = users, tenants, metrics
        self.settings = QuotasSettings()

    def configure(self, settings: QuotasSettings) -> None:
        """Put quotas in force; tenants that have one now are counted at once."""
        self.settings = settings
        if settings.of_tenants:
            self.tenants.want()

    def recounted_every(self) -> float | None:
        """Return the seconds after which tenants are counted anew, None while none has a quota."""
        return self.settings.recount if self.settings.of_tenants else None

    def concern(self, owner: Owner) -> bool:
        """Return whether any quota bounds an owner."""
        return self.settings.in_force and (
            self.settings.of_user(owner.label).bounds or self.settings.of_tenant(owner.tenant).bounds
        )

    async def take(self, owner: Owner, amount: Holdings) -> None:
        """Count what is about to be written, until `end`.

        Raises:
            QuotaExceeded: it is more than the user or its tenant may hold; nothing is counted.
        """
        user, tenant = self.settings.of_user(owner.label), self.settings.of_tenant(owner.tenant)
        if user.bounds:
            await self._check_user(owner, user, amount)
        if tenant.bounds:
            self._check_tenant(owner, tenant, amount)
        self.users.begin(owner, amount)
        self.tenants.add(owner.tenant, amount)

    def end(self, owner: Owner, amount: Holdings, *, written: bool) -> None:
        """Note that what was taken has ended, and whether it may have been written."""
        if amount != Holdings():
            self.users.end(owner, amount, written=written)
            if not written:
                self.tenants.add(owner.tenant, Holdings() - amount)

    def free(self, owner: Owner, memories: int) -> None:
        """Note that memories were deleted."""
        if memories:
            self.users.touch(owner)
            self.tenants.free(owner.tenant, memories)

    def refuse(self, error: QuotaExceeded) -> None:
        """Count a refusal that has reached its caller."""
        self._metrics.quota_refused.labels(error.by, error.unit).inc()

    async def _check_user(self, owner: Owner, quota: QuotaSettings, amount: Holdings) -> None:
        known = await self.users.known(owner)
        if known is not None and exceeded(quota, known.held + self.users.under_way(owner), amount) is not None:
            known = await self.users.fresh(owner)
        if known is None:
            self._metrics.quota_unknown.labels("user").inc()
            return
        held = known.held + self.users.under_way(owner)
        _raise_if_exceeded("user", quota, held, amount)
        self.users.refresh(owner, near=_is_near(quota, held))

    def _check_tenant(self, owner: Owner, quota: QuotaSettings, amount: Holdings) -> None:
        held = self.tenants.held(owner.tenant)
        if held is None:
            self._metrics.quota_unknown.labels("tenant").inc()
            return
        try:
            _raise_if_exceeded("tenant", quota, held, amount)
        except QuotaExceeded:
            self.tenants.want()
            raise


Unit = Literal["memories", "bytes"]
UNITS: tuple[Unit, ...] = ("memories", "bytes")


def exceeded(quota: QuotaSettings, held: Holdings, amount: Holdings) -> Unit | None:
    """Return which unit of a quota an amount more would exceed, None if there is room; no more is no excess."""
    for unit in UNITS:
        most, more = getattr(quota, unit), getattr(amount, unit)
        if most is not None and more > 0 and getattr(held, unit) + more > most:
            return unit
    return None


def _raise_if_exceeded(by: Literal["user", "tenant"], quota: QuotaSettings, held: Holdings, amount: Holdings) -> None:
    unit = exceeded(quota, held, amount)
    if unit is not None:
        raise QuotaExceeded(by, unit, getattr(quota, unit))


def _is_near(quota: QuotaSettings, held: Holdings) -> bool:
    return any(getattr(held, unit) >= NEAR * most for unit in UNITS if (most := getattr(quota, unit)) is not None)
