"""What the service says of its keys when it starts."""

from pathlib import Path

import pytest

from app.auth.keys import hash_key
from app.cli.key_warnings import warn_of_keys
from app.settings import load
from tests.support.following import listened
from tests.support.known_keys import PEPPER


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, {"bare_key_hashes": ["bare"], "keys_of_tenants_refused": ["tenanted"]}),
        ({"NINAI__TENANTS__ENABLED": "true"}, {"bare_key_hashes": ["bare"]}),
        ({"NINAI__AUTH__MODE": "none"}, {}),
    ],
)
def test_keys_that_need_attention_are_named(
    tmp_path: Path, variables: dict[str, str], expected: dict[str, list[str]]
) -> None:
    """With what to do about them; where nobody is asked for a key there is nothing to say."""
    environ = {
        "MEMORY_PROVIDER": "mock",
        "NINAI__DATA_DIR": str(tmp_path),
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__KEYS__BARE__HASH": hash_key("ninai_before"),
        "NINAI__AUTH__KEYS__TENANTED__HASH": PEPPER.hash("ninai_other"),
        "NINAI__AUTH__KEYS__TENANTED__TENANT": "acme",
        **variables,
    }
    with listened() as events:
        warn_of_keys(load(None, environ=environ).settings)

    assert {event["event"]: event["keys"] for event in events()} == expected
    assert all(event["remedy"] for event in events())
