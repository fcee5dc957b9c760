"""What can be configured of how much users and tenants may hold."""

from typing import Annotated

from msgspec import Meta, Struct, field

from app.settings.auth import TenantName
from providers.chain.policy import Share
from providers.limits import MAX_TENANT_CHARS, MAX_USER_ID_CHARS

MOST_HELD = 10**15  # memories or bytes

Quantity = Annotated[Annotated[int, Meta(ge=0, le=MOST_HELD)] | None, Meta(description="a number, or nothing")]
# As operators read it: a user of another tenant than the default one as `tenant/user`.
OwnerLabel = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_TENANT_CHARS + 1 + MAX_USER_ID_CHARS,
        description="a user, or tenant/user",
    ),
]


class QuotaSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure how many memories, and bytes of their texts and metadata, may be held; None for any number."""

    memories: Quantity = None
    """The memories that may be held; without it any number. Set it where one user or tenant could fill the store."""
    bytes: Quantity = None
    """The bytes of texts and metadata that may be held; without it any number. Set it where disk is what is short."""

    @property
    def bounds(self) -> bool:
        """Whether anything is bounded."""
        return self.memories is not None or self.bytes is not None

    def over(self, default: "QuotaSettings") -> "QuotaSettings":
        """Return these, and the default's where nothing is set."""
        return QuotaSettings(
            memories=default.memories if self.memories is None else self.memories,
            bytes=default.bytes if self.bytes is None else self.bytes,
        )


NO_QUOTA = QuotaSettings()


class QuotasSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure the quotas of every user and every tenant, and those of some by name, which come first.

    What all users of a tenant hold is counted anew every `recount` seconds, which takes up `share` of the time of a
    store at most.
    """

    user: QuotaSettings = NO_QUOTA
    tenant: QuotaSettings = NO_QUOTA
    users: dict[OwnerLabel, QuotaSettings] = field(default_factory=dict)
    tenants: dict[TenantName, QuotaSettings] = field(default_factory=dict)
    recount: Annotated[float, Meta(ge=1, le=86_400)] = 300.0
    """The seconds after which what a tenant holds is counted anew. Lower it where quotas must follow sooner."""
    share: Share = 0.1
    """The share of a store's time that counting takes at most. Raise it where counting is not done in time."""

    @property
    def of_tenants(self) -> bool:
        """Whether any tenant has a quota."""
        return self.tenant.bounds or any(quota.bounds for quota in self.tenants.values())

    @property
    def in_force(self) -> bool:
        """Whether there is any quota."""
        return self.of_tenants or self.user.bounds or any(quota.bounds for quota in self.users.values())

    def of_user(self, label: str) -> QuotaSettings:
        """Return the quota of a user by its label, see `Owner.label`."""
        own = self.users.get(label)
        return self.user if own is None else own.over(self.user)

    def of_tenant(self, tenant: str) -> QuotaSettings:
        """Return the quota of a tenant."""
        own = self.tenants.get(tenant)
        return self.tenant if own is None else own.over(self.tenant)
