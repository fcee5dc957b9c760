"""What can be configured of how long memories live."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct, field

from app.http.lifetimes import MAX_TTL_SECONDS, Lifetime
from app.settings.auth import TenantName

_Seconds = Annotated[float, Meta(ge=1, le=MAX_TTL_SECONDS)]


class LifetimeSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure how long memories live that are written from now on."""

    default: _Seconds | None = None
    """The seconds for which a memory lives that asks for no expiry. Set it where memories should not be kept for ever.
    """
    maximum: _Seconds | None = None
    """The seconds that a memory may live at most, and does if there is no default. Set it where you have promised to
    keep nothing for longer.
    """

    def __post_init__(self) -> None:
        """Refuse a default that nobody could ask for."""
        if self.default is not None and self.maximum is not None and self.default > self.maximum:
            raise ValueError("default must not be more than maximum")


class ExpirySettings(LifetimeSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure how long memories live that are written from now on; what `tenants` do not set is that of all."""

    tenants: dict[TenantName, LifetimeSettings] = field(default_factory=dict)

    def longest(self, tenant: str) -> float | None:
        """Return the seconds that a memory of a tenant may live at most."""
        own = self.tenants.get(tenant, self)
        return self.maximum if own.maximum is None else own.maximum

    def lifetime(self, tenant: str, now: datetime) -> Lifetime:
        """Return how long memories of a tenant live that are written now."""
        own = self.tenants.get(tenant, self)
        maximum = self.longest(tenant)
        default = self.default if own.default is None else own.default
        if default is not None and maximum is not None:
            default = min(default, maximum)  # of a tenant with a smaller maximum than that of all
        return Lifetime(now, default, maximum)
