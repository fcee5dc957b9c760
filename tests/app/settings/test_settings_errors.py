"""What an error about the configuration says."""

from pathlib import Path

import pytest

from app.settings import ConfigError, load
from tests.app.settings.configuration import Configuration

HASH_TEXT = '"hmac-sha256:" with the id of the pepper, or "sha256:", and 64 lower-case hex digits'
KINDS = '"native", "mem0", "redis", "opensearch", "pinecone", "mock"'
HASH = f'hash = "sha256:{"0" * 64}"'


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("[server]\nport = 99999", "$.server.port: expected int <= 65535, got 99999 (ninai.toml)"),
        ("[server]\nport = -1", "$.server.port: expected int >= 0, got -1 (ninai.toml)"),
        ('[server]\nport = "80"', '$.server.port: expected int, got "80" (ninai.toml)'),
        ("[server]\nworkers = 65", "$.server.workers: expected int <= 64, got 65 (ninai.toml)"),
        ("[server]\nworkers = 0", "$.server.workers: expected int >= 1, got 0 (ninai.toml)"),
        ("[server]\nhost = 1", "$.server.host: expected str, got 1 (ninai.toml)"),
        ("recall_limit = 1001", "$.recall_limit: expected int <= 1000, got 1001 (ninai.toml)"),
        ("recall_limit = 1.5", "$.recall_limit: expected int, got 1.5 (ninai.toml)"),
        ("recall_limit = 2026-01-01", '$.recall_limit: expected int, got "2026-01-01" (ninai.toml)'),
        (f"recall_limit = {'[' * 5000}", "ninai.toml: nested too deeply"),
        (
            "[limits]\nmax_answer_bytes = 1048575",
            "$.limits.max_answer_bytes: expected int >= 1048576, got 1048575 (ninai.toml)",
        ),
        (
            "[limits]\nmax_answer_bytes = 1073741825",
            "$.limits.max_answer_bytes: expected int <= 1073741824, got 1073741825 (ninai.toml)",
        ),
        ('data_dir = "~\\u0000"', '$.data_dir: expected a path, got "~\\u0000" (ninai.toml)'),
        ("data_dir = 1", "$.data_dir: expected a path, got 1 (ninai.toml)"),
        ('data_dir = ""', '$.data_dir: expected a path, got "" (ninai.toml)'),
        ('data_dir = "~nobody.here/x"', '$.data_dir: no home folder for "~nobody.here/x" (ninai.toml)'),
        ('order = "native"', '$.order: expected a list, got "native" (ninai.toml)'),
        ('order = ["native", 1]', "$.order[1]: expected str, got 1 (ninai.toml)"),
        ("server = 1", "$.server: expected a table, got a value (ninai.toml)"),
        ("server = []", "$.server: expected a table, got a value (ninai.toml)"),
        ("[recall_limit]", "$.recall_limit: expected a value, got a table (ninai.toml)"),
        ("[recall_limit.x]\ny = 1", "$.recall_limit: expected a value, got a table (ninai.toml)"),
        ("[providers.native]\nmigrate = 1", "$.providers.native.migrate: expected bool, got 1 (ninai.toml)"),
        ("[providers.native]\ntimeout = nan", "$.providers.native.timeout: expected float > 0.0, got NaN (ninai.toml)"),
        (
            '[log]\nlevel = "warn"',
            '$.log.level: expected one of "debug", "info", "warning", "error", got "warn" (ninai.toml)',
        ),
        (
            "[chain.breaker]\nfirst_pause = 100",
            "$.chain.breaker: first_pause must not be longer than longest_pause (ninai.toml)",
        ),
        (
            "[chain.attempts.native]\nfirst_wait = 1",
            "$.chain.attempts.native: first_wait must not be longer than longest_wait (ninai.toml)",
        ),
        ("[servers]\nport = 1", '$.servers: unknown key, did you mean "server"? (ninai.toml)'),
        (
            "[providers.native]\npoolsize = 1",
            '$.providers.native.poolsize: unknown key, did you mean "pool_size"? (ninai.toml)',
        ),
        (
            '[providers.main]\nkind = "postgres"',
            f'$.providers.main.kind: expected one of {KINDS}, got "postgres" (ninai.toml)',
        ),
        (
            "[providers.main]\nkind = []",
            f"$.providers.main.kind: expected one of {KINDS}, got [] (ninai.toml)",
        ),
        (
            "[providers.main]\npool_size = 3",
            f'$.providers.main: missing key "kind", one of {KINDS} (ninai.toml)',
        ),
        (
            '[providers.native.embedder]\nmodel = "m"',
            '$.providers.native.embedder: missing key "kind", one of "local", "minilm", "openai", "none" (ninai.toml)',
        ),
        (
            '[providers.native.embedder]\nkind = "local"\nmodel = "m"',
            "$.providers.native.embedder.model: unknown key, expected none (ninai.toml)",
        ),
        (
            '[[providers.native.former_embedders]]\nkind = "openai"\ndimensions = 0',
            "$.providers.native.former_embedders[0].dimensions: expected int >= 1, got 0 (ninai.toml)",
        ),
        (
            '[providers."My DB"]\nkind = "native"',
            (
                '$.providers."My DB": expected a name of lower-case letters, digits and single underscores, which a '
                'variable can spell, got "My DB" (ninai.toml)'
            ),
        ),
        ('[auth.keys.ci]\nuser = "u"', '$.auth.keys.ci: missing key "hash" (ninai.toml)'),
        (
            f'[auth.keys."a b"]\n{HASH}',
            '$.auth.keys."a b": expected a name of letters, digits, underscores and dashes, got "a b" (ninai.toml)',
        ),
        (
            '[auth.keys.ci]\nhash = "x"',
            f"$.auth.keys.ci.hash: expected {HASH_TEXT}, got ******** (ninai.toml)",
        ),
        (
            f'[auth.keys.ci]\n{HASH[:-1]}\\n"',
            f"$.auth.keys.ci.hash: expected {HASH_TEXT}, got ******** (ninai.toml)",
        ),
        ("[providers.native]\ndsn = 5", "$.providers.native.dsn: expected str, got ******** (ninai.toml)"),
        (
            '[providers.native]\ndsn = "mysql://u:p@h/d"',
            "$.providers.native.dsn: expected postgresql://USER:PASSWORD@HOST/DATABASE, got ******** (ninai.toml)",
        ),
        ('[log]\nformat = "a\\nb"', '$.log.format: expected one of "auto", "json", "text", got "a\\nb" (ninai.toml)'),
        (
            f'[log]\nformat = "{"x" * 80}"',
            f'$.log.format: expected one of "auto", "json", "text", got "{"x" * 59}... (ninai.toml)',
        ),
        ("recall_limit = ", "ninai.toml, line 1: Invalid value"),
        ("[server]\nport = 1\nport = = 2", "ninai.toml, line 3, column 8: Invalid value"),
        ('x = "\\z"', "ninai.toml, line 1, column 8: Unescaped '\\' in a string"),
    ],
)
def test_an_error_says_what_where_and_whence(configuration: Configuration, toml: str, expected: str) -> None:
    """Path, expectation, offending value and source stand in one line."""
    assert configuration.refusal(toml) == expected


def test_an_option_is_named_as_it_is_typed(configuration: Configuration) -> None:
    """A value from the command line is traced to its option."""
    refusal = configuration.refusal(overrides={"server.port": 99999})

    assert refusal == "$.server.port: expected int <= 65535, got 99999 (--port)"


def test_a_specification_variable_is_named(configuration: Configuration) -> None:
    """A value from a variable of the specification is traced to it."""
    assert (
        configuration.refusal(environ={"MEMORY_RECALL_LIMIT": "0"})
        == '$.recall_limit: expected int >= 1, got "0" (MEMORY_RECALL_LIMIT)'
    )
    assert configuration.refusal(environ={"DATABASE_URL": "h/d"}) == (
        "$.providers.native.dsn: expected postgresql://USER:PASSWORD@HOST/DATABASE, got ******** (DATABASE_URL)"
    )


@pytest.mark.parametrize(
    ("explicit", "environ", "named_by"),
    [(Path("/nowhere.toml"), {}, "--config"), (None, {"NINAI_CONFIG": "/nowhere.toml"}, "NINAI_CONFIG")],
)
def test_a_missing_file_is_an_error(explicit: Path | None, environ: dict[str, str], named_by: str) -> None:
    """A file that was asked for must be there."""
    with pytest.raises(ConfigError) as caught:
        load(explicit, environ)

    assert str(caught.value) == f"/nowhere.toml: No such file or directory (named by {named_by})"


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    """TOML is UTF-8."""
    path = tmp_path / "ninai.toml"
    path.write_bytes(b'x = "\xff"')

    with pytest.raises(ConfigError) as caught:
        load(path, {})

    assert str(caught.value) == f"{path}: not UTF-8 at byte 5"


def test_an_error_carries_its_parts(configuration: Configuration) -> None:
    """Path, reason and source can be had one by one."""
    with pytest.raises(ConfigError) as caught:
        configuration.load("recall_limit = 0")

    error = caught.value
    assert (error.path, error.reason, str(error.origin)) == (
        "$.recall_limit",
        "expected int >= 1, got 0",
        "ninai.toml",
    )
