"""The word for the settings that instances share: the same for the same, another for others, and no secret in it."""

from collections.abc import Mapping

import pytest

from app.settings import load
from app.settings.fingerprint import fingerprint

BASE = {
    "NINAI__ORDER": "native,mem0",
    "NINAI__PROVIDERS__MEM0__KIND": "mem0",
    "NINAI__PROVIDERS__MEM0__BASE_URL": "http://mem0:8000",
    "NINAI__PROVIDERS__MEM0__API_KEY": "key",
}


def of(changes: Mapping[str, str] | None = None) -> str:
    """Of these settings, changed."""
    return fingerprint(load(None, BASE | dict(changes or {})).settings)


@pytest.mark.parametrize(
    "changes",
    [
        {"NINAI__ORDER": "mem0,native"},
        {"NINAI__PROVIDERS__MEM0__BASE_URL": "http://other:8000"},
        {"NINAI__CHAIN__RETENTION__KEEP": "600"},
        {"NINAI__JOURNAL__KIND": "sqlite"},
        {"NINAI__RECALL_LIMIT": "3"},
    ],
)
def test_what_instances_share_makes_a_difference(changes: Mapping[str, str]) -> None:
    """Each of these changes what callers get."""
    assert of(changes) != of()


@pytest.mark.parametrize(
    "changes",
    [
        {"NINAI__SERVER__PORT": "9000"},
        {"NINAI__DATA_DIR": "/elsewhere"},
        {"NINAI__LOG__LEVEL": "debug"},
        {"NINAI__PROVIDERS__UNUSED__KIND": "mock"},
        {"NINAI__PROVIDERS__MEM0__API_KEY": "another key"},
    ],
)
def test_what_is_an_instances_own_makes_none(changes: Mapping[str, str]) -> None:
    """Nor does a secret: whoever sees the hash could try out which one it is."""
    assert of(changes) == of()
