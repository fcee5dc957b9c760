"""The settings of the history of memories."""

import pytest

from app.settings import ConfigError
from app.settings.history import MAX_KEPT_DAYS, MAX_KEPT_VERSIONS
from providers.retention import Retention
from tests.app.settings.configuration import Configuration


@pytest.mark.parametrize(
    ("text", "keep", "days"),
    [
        ("", 20, 30),
        ("[history]\nkeep = 0", 0, 30),
        (f"[history]\nkeep = {MAX_KEPT_VERSIONS}\ndays = {MAX_KEPT_DAYS}", MAX_KEPT_VERSIONS, MAX_KEPT_DAYS),
        ("[history]\ndays = 1", 20, 1),
    ],
)
def test_a_retention_is_configured(configuration: Configuration, text: str, keep: int, days: int) -> None:
    """Up to each bound."""
    assert configuration.load(text).settings.history.retention == Retention(keep=keep, days=days)


@pytest.mark.parametrize(
    "line", ["keep = -1", f"keep = {MAX_KEPT_VERSIONS + 1}", "days = 0", f"days = {MAX_KEPT_DAYS + 1}", "hours = 1"]
)
def test_what_no_retention_can_be_is_refused(configuration: Configuration, line: str) -> None:
    """Beyond each bound."""
    with pytest.raises(ConfigError):
        configuration.load(f"[history]\n{line}")
