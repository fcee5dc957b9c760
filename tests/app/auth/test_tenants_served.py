"""The tenant of a caller: it takes part in everything that the caller's user id does, once tenants are enabled."""

import pytest

from app.auth.admission import require_tenant
from app.auth.refusals import CallerRefused
from app.settings.model import TenantSettings
from providers.owners import DEFAULT_TENANT


@pytest.mark.parametrize(("tenant", "enabled"), [(DEFAULT_TENANT, False), (DEFAULT_TENANT, True), ("acme", True)])
def test_a_tenant_is_served(tenant: str, *, enabled: bool) -> None:
    """The default one always is, and others once tenants are enabled."""
    require_tenant(tenant, TenantSettings(enabled=enabled))


def test_another_tenant_is_refused_before_that() -> None:
    """The reason is told, whatever configured the tenant."""
    with pytest.raises(CallerRefused, match="tenants are not enabled") as refused:
        require_tenant("acme", TenantSettings())

    assert refused.value.kind.status == 403
