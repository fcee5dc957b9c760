"""Which source wins, and how settings say where they came from."""

from pathlib import Path

import pytest

from app.settings import Settings, load
from app.settings.layers import DEFAULT, Origin
from providers.native.settings import NativeSettings
from tests.app.settings.configuration import Configuration


def test_nothing_configured_is_the_defaults(configuration: Configuration) -> None:
    """Without any source the settings are those of the structs."""
    loaded = configuration.load()

    assert loaded.settings == Settings()
    assert loaded.settings.providers == {"native": NativeSettings()}
    assert loaded.file is None
    assert set(loaded.origins.values()) == {DEFAULT}


@pytest.mark.parametrize(
    ("sources", "limit", "origin"),
    [
        (0, 10, DEFAULT),
        (1, 11, Origin("file", "ninai.toml")),
        (2, 12, Origin("variable", "MEMORY_RECALL_LIMIT")),
        (3, 13, Origin("variable", "NINAI__RECALL_LIMIT")),
        (4, 14, Origin("option", "--recall-limit")),
    ],
)
def test_each_source_lies_over_the_ones_before(
    configuration: Configuration, sources: int, limit: int, origin: Origin
) -> None:
    """Defaults, file, the specification's variables, NINAI__ variables, options: the last that speaks wins."""
    toml = "recall_limit = 11" if sources >= 1 else ""
    environ = {"MEMORY_RECALL_LIMIT": "12"} if sources >= 2 else {}
    environ |= {"NINAI__RECALL_LIMIT": "13"} if sources >= 3 else {}

    loaded = configuration.load(toml, environ, {"recall_limit": 14 if sources >= 4 else None})

    assert loaded.settings.recall_limit == limit
    assert loaded.origins["recall_limit"] == origin


def test_a_table_is_merged_key_by_key(configuration: Configuration) -> None:
    """A variable changes one key of a table and leaves what the file says of the others."""
    toml = '[providers.native]\nkind = "native"\npool_size = 3\ntimeout = 2'

    loaded = configuration.load(toml, {"NINAI__PROVIDERS__NATIVE__POOL_SIZE": "7"})

    assert loaded.settings.providers == {"native": NativeSettings(pool_size=7, timeout=2.0)}


def test_another_kind_takes_the_table_over(configuration: Configuration) -> None:
    """A variable that changes the kind of a table drops what the file says of the former kind."""
    toml = '[providers.native.embedder]\nkind = "openai"\nmodel = "m"'

    loaded = configuration.load(toml, {"NINAI__PROVIDERS__NATIVE__EMBEDDER__KIND": "local"})

    assert loaded.settings.providers == {"native": NativeSettings()}


def test_the_file_may_be_named_by_a_variable(configuration: Configuration, tmp_path: Path) -> None:
    """NINAI_CONFIG names the file, and an explicit path wins over it."""
    named = tmp_path / "named.toml"
    named.write_text("recall_limit = 20")

    assert load(None, {"NINAI_CONFIG": str(named)}).settings.recall_limit == 20
    assert load(None, {"NINAI_CONFIG": str(named)}).file == named
    assert configuration.load("recall_limit = 30", {"NINAI_CONFIG": str(named)}).settings.recall_limit == 30


def test_no_file_is_searched_for(configuration: Configuration) -> None:
    """A file that happens to lie in the working folder is not read."""
    configuration.load("recall_limit = 30")

    assert load(None, {}).settings.recall_limit == 10


def test_every_value_has_an_origin(configuration: Configuration) -> None:
    """Each path of the settings names its source, defaults included."""
    toml = 'order = ["main"]\n[providers.main]\nkind = "native"\n[auth.keys.ci]\nhash = "sha256:' + "0" * 64 + '"'

    loaded = configuration.load(toml, {"OPENAI_API_KEY": "k"}, {"server.port": 9000, "data_dir": Path("/data")})

    assert [leaf.path for leaf in loaded.leaves()] == list(loaded.origins)
    assert {path: str(origin) for path, origin in loaded.origins.items() if origin != DEFAULT} == {
        "order": "ninai.toml",
        "providers.main.kind": "ninai.toml",
        "providers.main.embedder.kind": "OPENAI_API_KEY",
        "providers.main.embedder.api_key": "OPENAI_API_KEY",
        "server.port": "--port",
        "data_dir": "--data-dir",
        "auth.keys.ci.hash": "ninai.toml",
    }


def test_a_table_named_for_a_kind_is_of_that_kind(configuration: Configuration) -> None:
    """`kind` may be left out where the name says it."""
    loaded = configuration.load("[providers.native]\npool_size = 3")

    assert loaded.settings.providers == {"native": NativeSettings(pool_size=3)}
