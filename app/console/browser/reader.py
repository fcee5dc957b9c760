"""The reader: an operator who looks at the memories of others, and whose memories these may be."""

from msgspec import Struct

from app.auth.admission import require_tenant
from app.auth.caller import Identity
from app.auth.refusals import CallerRefused, counted
from app.settings.auth import Scope
from app.settings.model import TenantSettings
from observability.metrics import Metrics
from observability.notes import current
from providers.limits import check_owner
from providers.owners import Owner


class MemoryReader(Struct, frozen=True):
    """Decide what an operator may see: with a key for users, these of its tenant; with any other, its whole tenant.

    A key of the default tenant that names no users sees every user of every tenant, as operators do everywhere.
    """

    identity: Identity
    tenants: TenantSettings
    metrics: Metrics

    @property
    def tenant(self) -> str | None:
        """The only tenant that may be seen, None if all may be."""
        return self.identity.overseen

    def owner(self, tenant: str, user: str, *scopes: Scope) -> Owner:
        """Return the owner whose memories are asked for, and note that for the audit; an empty tenant is the reader's.

        Raises:
            InvalidInput: there can be no such owner.
            CallerRefused: the operator may not see these memories, or lacks one of the `scopes`.
        """
        owner = Owner(user, tenant or self.identity.tenant)
        check_owner(owner)
        if (notes := current.get()) is not None:  # also of an operator who is refused below
            notes.asks_for(owner.tenant, owner.user)
            notes.counted = True  # what an operator asks is none of what the user may ask in a minute
        with counted(self.metrics):
            for scope in scopes:
                self.identity.require(scope)
            self._require(owner)
        return owner

    def sees(self, owner: Owner) -> bool:
        """Return whether the operator may see an owner's memories."""
        try:
            self._require(owner)
        except CallerRefused:
            return False
        return True

    def _require(self, owner: Owner) -> None:
        require_tenant(owner.tenant, self.tenants)
        if self.tenant not in {None, owner.tenant}:
            raise CallerRefused("user", "This key is for users of another tenant", field="tenant")
        self.identity.users.choose(owner.user, "user", reading=True)
