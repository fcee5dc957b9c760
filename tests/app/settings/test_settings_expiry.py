"""How long memories live: what is configured for all, and for a tenant."""

from datetime import UTC, datetime, timedelta

import pytest

from app.settings import ConfigError
from tests.app.settings.configuration import Configuration

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("toml", "of_acme", "of_others"),
    [
        ("", None, None),
        ("[expiry]\ndefault = 60", 60, 60),
        ("[expiry]\nmaximum = 90", 90, 90),
        ("[expiry]\ndefault = 60\nmaximum = 90\n[expiry.tenants.acme]\nmaximum = 30", 30, 60),
        ("[expiry]\nmaximum = 90\n[expiry.tenants.acme]\ndefault = 20\nmaximum = 100", 20, 90),
        ("[expiry.tenants.acme]\ndefault = 20", 20, None),
    ],
)
def test_what_asks_for_no_expiry_gets_that_of_its_tenant(
    configuration: Configuration, toml: str, of_acme: float | None, of_others: float | None
) -> None:
    """Else that of all; without a default, the maximum."""
    expiry = configuration.load(toml).settings.expiry
    expected = [None if one is None else NOW + timedelta(seconds=one) for one in (of_acme, of_others)]

    assert [expiry.lifetime(tenant, NOW).of_new(None, None) for tenant in ("acme", "default")] == expected


def test_a_default_beyond_the_maximum_is_refused(configuration: Configuration) -> None:
    """Nobody could ask for it."""
    with pytest.raises(ConfigError, match="default must not be more than maximum"):
        configuration.load("[expiry]\ndefault = 60\nmaximum = 30")
