"""How a NINAI__ variable reaches its setting."""

from pathlib import Path

import pytest

from app.settings import Settings
from observability.secret import Secret
from providers.embedders.settings import NoEmbedderSettings, OpenAIEmbedderSettings
from providers.mem0.settings import Mem0Settings
from providers.native.settings import NativeSettings
from tests.app.settings.configuration import Configuration

DSN_FILE = "NINAI__PROVIDERS__NATIVE__DSN_FILE"


def native(settings: Settings) -> NativeSettings:
    """Give the native provider's settings."""
    found = settings.providers["native"]
    assert isinstance(found, NativeSettings)
    return found


def test_text_becomes_what_the_setting_asks_for(configuration: Configuration) -> None:
    """Numbers, truth values, choices and paths are read from text."""
    environ = {
        "NINAI__SERVER__PORT": "9000",
        "NINAI__PROVIDERS__NATIVE__TIMEOUT": "2.5",
        "NINAI__PROVIDERS__NATIVE__MIGRATE": "false",
        "NINAI__LOG__LEVEL": "debug",
        "NINAI__DATA_DIR": "/data",
        "NINAI__AUTH__DEFAULT_USER": "42",
    }

    settings = configuration.load(environ=environ).settings

    assert settings.server.port == 9000
    assert native(settings).timeout == 2.5
    assert native(settings).migrate is False
    assert settings.log.level == "debug"
    assert settings.data_dir == Path("/data")
    assert settings.auth.default_user == "42"


@pytest.mark.parametrize("text", ["native,mem0", " native , mem0,", '["native", "mem0"]'])
def test_a_list_is_comma_separated_or_json(configuration: Configuration, text: str) -> None:
    """Both ways to write a list give the same."""
    settings = configuration.read("[providers.mem0]", {"NINAI__ORDER": text}).settings

    assert settings.order == ["native", "mem0"]


def test_a_list_of_tables_is_json(configuration: Configuration) -> None:
    """What has no names for variables to join is written as JSON."""
    text = '[{"kind": "none"}, {"kind": "openai", "api_key": "k", "dimensions": 8}]'

    settings = configuration.load(environ={"NINAI__PROVIDERS__NATIVE__FORMER_EMBEDDERS": text}).settings

    expected = [NoEmbedderSettings(), OpenAIEmbedderSettings(api_key=Secret("k"), dimensions=8)]
    assert native(settings).former_embedders == expected


def test_a_table_that_the_file_lacks_may_come_from_variables(configuration: Configuration) -> None:
    """A provider that is named for its kind needs no table in the file."""
    settings = configuration.read(environ={"NINAI__PROVIDERS__MEM0__API_KEY": "k", "NINAI__ORDER": "mem0"}).settings

    assert settings.providers == {"mem0": Mem0Settings(api_key=Secret("k"))}


def test_names_match_regardless_of_case(configuration: Configuration) -> None:
    """A variable reaches a key in the file's own spelling, else in lower case."""
    toml = f'[auth.keys.CI]\nhash = "sha256:{"0" * 64}"'

    settings = configuration.load(toml, {"NINAI__AUTH__KEYS__CI__USER": "u", "ninai__Server__port": "1"}).settings

    assert {name: key.user for name, key in settings.auth.keys.items()} == {"CI": "u"}
    assert settings.server.port == 1


def test_variables_of_others_are_left_alone(configuration: Configuration) -> None:
    """Only two underscores are ours: platforms make variables like NINAI_SERVICE_HOST by themselves."""
    assert (
        configuration.load(environ={"NINAI_SERVICE_HOST": "10.0.0.1", "NINAI_PORT": "tcp://x"}).settings == Settings()
    )


@pytest.mark.parametrize("content", ["postgres://h/d", "postgres://h/d\n", "postgres://h/d\r\n"])
def test_a_secret_may_stand_in_a_file(configuration: Configuration, tmp_path: Path, content: str) -> None:
    """A _FILE variable names the file, whose line end does not count."""
    secret = tmp_path / "dsn"
    secret.write_text(content, newline="")

    loaded = configuration.load(environ={DSN_FILE: str(secret)})

    assert native(loaded.settings).dsn == Secret("postgresql+asyncpg://h/d")
    assert str(loaded.origins["providers.native.dsn"]) == DSN_FILE


def test_a_secret_file_wins_over_the_lower_sources(configuration: Configuration, tmp_path: Path) -> None:
    """A _FILE variable stands where the variable itself would."""
    secret = tmp_path / "dsn"
    secret.write_text("postgres://file/d")

    loaded = configuration.load(
        '[providers.native]\ndsn = "postgres://toml/d"', {"DATABASE_URL": "postgres://url/d", DSN_FILE: str(secret)}
    )

    assert native(loaded.settings).dsn == Secret("postgresql+asyncpg://file/d")


def test_a_missing_secret_file_is_named(configuration: Configuration) -> None:
    """The error says which file is missing and which variable asks for it."""
    refusal = configuration.refusal(environ={DSN_FILE: "/nowhere/dsn"})

    expected = f"$.providers.native.dsn: cannot read /nowhere/dsn: No such file or directory ({DSN_FILE})"
    assert refusal == expected


@pytest.mark.parametrize(("content", "fault"), [(b"\n", "is empty"), (b"\xff", "not UTF-8")])
def test_a_useless_secret_file_is_an_error(
    configuration: Configuration, tmp_path: Path, content: bytes, fault: str
) -> None:
    """An empty or garbled secret would fail later, far from its cause."""
    (tmp_path / "dsn").write_bytes(content)

    refusal = configuration.refusal(environ={DSN_FILE: "dsn"})

    expected = {
        "is empty": f"$.providers.native.dsn: dsn is empty ({DSN_FILE})",
        "not UTF-8": f"$.providers.native.dsn: cannot read dsn: not UTF-8 ({DSN_FILE})",
    }
    assert refusal == expected[fault]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"NINAI__SERVER__PORT_FILE": "/etc/hostname"},
            "$.server.port: only a secret is read from a file (NINAI__SERVER__PORT_FILE)",
        ),
        (
            {"NINAI__SERVR__PORT": "1"},
            '$.servr: unknown key, did you mean "server"? (NINAI__SERVR__PORT)',
        ),
        (
            {"NINAI__PROVIDERS__NATIVE__POOLSIZE": "1"},
            '$.providers.native.poolsize: unknown key, did you mean "pool_size"? (NINAI__PROVIDERS__NATIVE__POOLSIZE)',
        ),
        (
            {"NINAI__LOG__XYZ": "1"},
            '$.log.xyz: unknown key, expected one of "format", "level" (NINAI__LOG__XYZ)',
        ),
        (
            {"NINAI__": "1"},
            "NINAI__: unknown variable, a name is NINAI__TABLE__KEY",
        ),
        (
            {"NINAI__SERVER____PORT": "1"},
            "NINAI__SERVER____PORT: unknown variable, a name is NINAI__TABLE__KEY",
        ),
        (
            {"NINAI__SERVER": "1"},
            "$.server: expected a table, got a value (NINAI__SERVER)",
        ),
        (
            {"NINAI__SERVER__PORT__X": "1"},
            "$.server.port: expected a value, got a table (NINAI__SERVER__PORT__X)",
        ),
        (
            {"NINAI__AUTH__DEFAULT_USER": "\udcff"},
            "$.auth.default_user: expected text in UTF-8 (NINAI__AUTH__DEFAULT_USER)",
        ),
        (
            {"NINAI__PROVIDERS__NATIVE__DSN": "\udcff"},
            "$.providers.native.dsn: expected text in UTF-8 (NINAI__PROVIDERS__NATIVE__DSN)",
        ),
        (
            {"NINAI__ORDER": "[" * 5000},
            "$.order: expected a list, comma separated or JSON (NINAI__ORDER)",
        ),
        (
            {"NINAI__ORDER": '["native"'},
            "$.order: expected a list, comma separated or JSON (NINAI__ORDER)",
        ),
        (
            {"NINAI__PROVIDERS__NATIVE__DSN": "postgres://h/d", DSN_FILE: "/x"},
            f"$.providers.native.dsn: set by both NINAI__PROVIDERS__NATIVE__DSN and {DSN_FILE}",
        ),
        (
            {"NINAI__SERVER__PORT": "99999"},
            '$.server.port: expected int <= 65535, got "99999" (NINAI__SERVER__PORT)',
        ),
        (
            {"NINAI__PROVIDERS__NATIVE__MIGRATE": "maybe"},
            '$.providers.native.migrate: expected bool, got "maybe" (NINAI__PROVIDERS__NATIVE__MIGRATE)',
        ),
        (
            {"NINAI__PROVIDERS__NATIVE__FORMER_EMBEDDERS": "local"},
            (
                "$.providers.native.former_embedders[0]: expected a table, got a value "
                "(NINAI__PROVIDERS__NATIVE__FORMER_EMBEDDERS)"
            ),
        ),
    ],
)
def test_a_wrong_variable_is_named(configuration: Configuration, environ: dict[str, str], expected: str) -> None:
    """No NINAI__ variable is ignored: each is a setting or an error that names it."""
    assert configuration.refusal(environ=environ) == expected
