"""What is refused of the settings of Pinecone, before anything is opened."""

from pathlib import Path

import pytest

from app.settings import ConfigError, load
from observability.secret import Secret
from providers.pinecone.options import MAX_CONCURRENCY, MAX_PREFIX_CHARS, MAX_STALENESS
from providers.pinecone.settings import PineconeSettings

KIND = {
    "NINAI__ORDER": "cone",
    "NINAI__PROVIDERS__CONE__KIND": "pinecone",
    "NINAI__PROVIDERS__MOCK__KIND": "mock",
}
JOURNAL = {"NINAI__JOURNAL__KIND": "sqlite"}


def loaded(environ: dict[str, str], **values: str) -> PineconeSettings:
    """The settings of a provider in an environment."""
    given = {f"NINAI__PROVIDERS__CONE__{name.upper()}": value for name, value in values.items()}
    settings = load(None, KIND | environ | given).settings.providers["cone"]
    assert isinstance(settings, PineconeSettings)
    return settings


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("host", "https://ninai-abc.svc.aped.pinecone.io", "ninai-abc.svc.aped.pinecone.io"),
        ("host", "http://[::1]:5081/", "http://user:canary@host"),
        ("host", "https://host:443", "https://host/below"),
        ("prefix", "p" * MAX_PREFIX_CHARS, "p" * (MAX_PREFIX_CHARS + 1)),
        ("prefix", "team-2_a", "team:2"),
        ("staleness_seconds", str(MAX_STALENESS), str(MAX_STALENESS + 1)),
        ("staleness_seconds", "0.0", "-1"),
        ("concurrency", str(MAX_CONCURRENCY), str(MAX_CONCURRENCY + 1)),
        ("concurrency", "1", "0"),
    ],
)
def test_each_setting_has_its_bounds(name: str, taken: str, refused: str) -> None:
    """What lies within is taken, and what lies beyond is refused by its name, without a password."""
    assert str(getattr(loaded(JOURNAL, **{name: taken}), name)) == taken

    with pytest.raises(ConfigError) as error:
        loaded(JOURNAL, **{name: refused})
    assert f"$.providers.cone.{name}" in str(error.value)
    assert "canary" not in str(error.value)


@pytest.mark.parametrize("others", [{}, {"NINAI__ORDER": "mock,cone"}, {"NINAI__ORDER": "cone,mock"}])
def test_it_needs_a_journal_alone_or_not(others: dict[str, str]) -> None:
    """And is told why."""
    assert loaded(JOURNAL | others).staleness_seconds > 0
    if others:  # which have one unless they are told otherwise
        assert loaded(others).staleness_seconds > 0

    with pytest.raises(ConfigError, match=r"providers\.cone\.kind: .*only a journal keeps what was acknowledged"):
        loaded({"NINAI__JOURNAL__KIND": "none"} | others)


def test_one_that_is_not_in_the_order_needs_none() -> None:
    """It may wait in the configuration until there is a journal."""
    assert loaded({"NINAI__ORDER": "mock"}).prefix == "ninai"


def test_the_environment_holds_the_key(tmp_path: Path) -> None:
    """In a file as well; nothing shows it."""
    (tmp_path / "key").write_text("canary\n")
    settings = loaded(JOURNAL, api_key_file=str(tmp_path / "key"))

    assert settings.api_key == Secret("canary")
    assert "canary" not in repr(settings)


def test_two_prefixes_of_one_index_are_two_stores() -> None:
    """Two providers with one prefix are twins."""
    one, other = loaded(JOURNAL, prefix="one"), loaded(JOURNAL, prefix="other")
    assert one.store_address != other.store_address
    assert one.store_address == loaded(JOURNAL, prefix="one", timeout="3").store_address
