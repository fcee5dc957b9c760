"""The tenant of a caller: it takes part in everything that the caller's user id does, once tenants are enabled."""

import pytest

from app.auth.caller import Caller
from app.http.calls import admitted_owner
from app.http.problems import RequestError
from app.settings.model import TenantSettings
from providers.types import Owner


def test_the_default_tenant_is_always_served() -> None:
    """A service without tenants serves callers as it always has."""
    for enabled in (False, True):
        assert admitted_owner(Caller("key", "bob"), TenantSettings(enabled=enabled)) == Owner("bob")


def test_another_tenant_is_served_once_tenants_are_enabled() -> None:
    """Before that it is refused with the reason, whatever configured it."""
    caller = Caller("key", "bob", "acme")

    assert admitted_owner(caller, TenantSettings(enabled=True)) == Owner("bob", "acme")
    with pytest.raises(RequestError, match="tenants are not enabled"):
        admitted_owner(caller, TenantSettings())
