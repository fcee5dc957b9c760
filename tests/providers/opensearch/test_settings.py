"""What is refused of the settings of OpenSearch, before anything is opened."""

from pathlib import Path

import pytest

from app.settings import ConfigError, load
from observability.secret import Secret
from providers.opensearch.options import MAX_COPIES, MAX_INDEX_CHARS, MAX_SHARDS, MAX_STALENESS
from providers.opensearch.settings import OpenSearchSettings

KIND = {"NINAI__ORDER": "search", "NINAI__PROVIDERS__SEARCH__KIND": "opensearch"}


def loaded(**values: str) -> OpenSearchSettings:
    """The settings of a provider that serves alone, without a journal unless it is given one."""
    environ = KIND | {
        name if name.startswith("NINAI") else f"NINAI__PROVIDERS__SEARCH__{name.upper()}": value
        for name, value in values.items()
    }
    settings = load(None, environ).settings.providers["search"]
    assert isinstance(settings, OpenSearchSettings)
    return settings


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("shards", str(MAX_SHARDS), str(MAX_SHARDS + 1)),
        ("shards", "1", "0"),
        ("copies", str(MAX_COPIES), str(MAX_COPIES + 1)),
        ("copies", "1", "0"),
        ("index", "i" * MAX_INDEX_CHARS, "i" * (MAX_INDEX_CHARS + 1)),
        ("index", "memories-2", "Memories"),
        ("index", "a", "_a"),
        ("url", "https://ann:secret@host:65535/below", "https://ann:canary@host:65536"),
        ("url", "http://[::1]:9200", "http://"),
        ("url", "http://host", "host:9200"),
        ("url", "http://host:1", "http://canary@host:9200?pretty"),
    ],
)
def test_each_setting_has_its_bounds(name: str, taken: str, refused: str) -> None:
    """What lies within is taken, and what lies beyond is refused by its name, without a password."""
    assert str(getattr(loaded(**{name: taken}), name)) in {taken, str(Secret(taken))}

    with pytest.raises(ConfigError) as error:
        loaded(**{name: refused})
    assert f"$.providers.search.{name}" in str(error.value)
    assert "canary" not in str(error.value)


def test_lists_may_lag_behind_a_journal_alone() -> None:
    """Only the journal shows meanwhile what was written."""
    lagging = {"staleness_seconds": str(MAX_STALENESS), "NINAI__JOURNAL__KIND": "sqlite"}
    assert loaded(**lagging).staleness_seconds == MAX_STALENESS

    with pytest.raises(ConfigError, match="only a journal"):
        loaded(staleness_seconds="1")
    with pytest.raises(ConfigError, match="staleness_seconds"):
        loaded(**lagging | {"staleness_seconds": str(MAX_STALENESS + 1)})


def test_a_user_and_a_key_are_not_both_sent() -> None:
    """One of them would be ignored."""
    with pytest.raises(ConfigError, match="set one of the two"):
        loaded(url="http://ann:secret@host", api_key="key")


def test_the_environment_holds_the_secrets(tmp_path: Path) -> None:
    """In files as well; nothing shows them."""
    (tmp_path / "url").write_text("https://ann:canary@host\n")
    settings = loaded(url_file=str(tmp_path / "url"))

    assert settings.url == Secret("https://ann:canary@host")
    assert "canary" not in repr(settings)
