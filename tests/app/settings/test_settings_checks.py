"""Settings that are right one by one may still contradict each other."""

from pathlib import Path

import pytest

from providers.mem0.settings import Mem0Settings
from tests.app.settings.configuration import Configuration

TWO_OF_ONE = """
[providers.a]
kind = "native"
dsn = "postgres://h/d"
[providers.b]
kind = "native"
dsn = "postgresql://h/d"
"""
NO_FOLDER = "/nonexistent"
ISSUER = 'issuer = "https://i.example"\naudience = ["ninai"]\njwks = "https://i.example/jwks"'
HASH = f'hash = "sha256:{"0" * 64}"'


@pytest.mark.parametrize(
    ("toml", "environ", "expected"),
    [
        ("order = []", {}, "$.order: expected at least one provider, got [] (ninai.toml)"),
        (
            'order = ["natve"]\n[providers.native]',
            {},
            '$.order: "natve" is not configured, did you mean "native"? (ninai.toml)',
        ),
        (
            'order = ["mock"]',
            {},
            '$.order: "mock" is not configured, expected one of "native" (ninai.toml)',
        ),
        (
            '[providers.order]\nkind = "mock"',
            {},
            '$.providers.order: the admin API has another use for "order", choose another name (ninai.toml)',
        ),
        ("", {"NINAI__ORDER": "native,native"}, '$.order: "native" is named twice (NINAI__ORDER)'),
        (
            "",
            {"MEMORY_PROVIDER": "native,mock", "NINAI__JOURNAL__KIND": "none"},
            (
                '$.journal.kind: "none" is for a single provider: what several are to agree on must be kept somewhere '
                "(NINAI__JOURNAL__KIND)"
            ),
        ),
        (
            "[chain.attempts.naive]\nfirst_wait = 0.1",
            {},
            '$.chain.attempts.naive: "naive" is not configured, did you mean "native"? (ninai.toml)',
        ),
        (
            '[providers.native.embedder]\nkind = "openai"\ndimensions = 16001',
            {},
            (
                "$.providers.native.embedder.dimensions: 16001 dimensions are more than the 16000 that pgvector holds: "
                "set embedder.dimensions to fewer, if the model can shorten its vectors, or take another model "
                "(ninai.toml)"
            ),
        ),
        (
            '[[providers.native.former_embedders]]\nkind = "openai"\ndimensions = 16001',
            {},
            (
                "$.providers.native.former_embedders[0].dimensions: 16001 dimensions are more than the 16000 that "
                "pgvector holds: set embedder.dimensions to fewer, if the model can shorten its vectors, or take "
                "another model (ninai.toml)"
            ),
        ),
        (
            "[extraction]\nbase_url = 'http://127.0.0.1:9/v1'",
            {},
            "$.extraction.base_url: nothing is extracted without a model: set extraction.model (ninai.toml)",
        ),
        (
            "[extraction]\nmodel = 'm'",
            {},
            (
                "$.extraction.model: set extraction.api_key, or extraction.base_url for a server that needs no key "
                "(ninai.toml)"
            ),
        ),
        (
            "[extraction]\nmodel = 'm'\napi_key = 'k'\nwait = 30",
            {},
            "$.extraction.wait: 30 s must be less than chain.longest_request, which is 30 s (ninai.toml)",
        ),
        (
            "[chain.retention]\nkeep = 299",
            {},
            "$.chain.retention.keep: 299 s must be at least 10 times chain.longest_request, which is 30 s (ninai.toml)",
        ),
        (
            "[chain.attempts.native.recall]\ndeadline = 31",
            {},
            (
                "$.chain.attempts.native.recall.deadline: 31 s must not be longer than chain.longest_request, "
                "which is 30 s (ninai.toml)"
            ),
        ),
        (
            TWO_OF_ONE,
            {"NINAI__ORDER": "a,b"},
            '$.order: "a" and "b" are one database (NINAI__ORDER)',
        ),
        (
            "[providers.mem0]\ninfer = true",
            {"MEMORY_PROVIDER": "http,native", "NINAI__DATA_DIR": NO_FOLDER},
            (
                "$.providers.mem0.infer: what mem0 infers cannot be kept alike by several providers or replayed: "
                'set order = "mem0" alone, and no journal (ninai.toml)'
            ),
        ),
        (
            "[providers.mem0]\ninfer = true\n[journal]\nkind = 'sqlite'",
            {"MEMORY_PROVIDER": "http"},
            (
                "$.providers.mem0.infer: what mem0 infers cannot be kept alike by several providers or replayed: "
                'set order = "mem0" alone, and no journal (ninai.toml)'
            ),
        ),
        (
            "[providers.mem0]\ninfer = true\ndialect = 'spec'",
            {"MEMORY_PROVIDER": "http", "NINAI__DATA_DIR": NO_FOLDER},
            '$.providers.mem0.infer: the dialect "spec" has no inference (ninai.toml)',
        ),
        (
            '[server]\nhost = "0.0.0.0"',
            {},
            (
                '$.server.host: "0.0.0.0" can be reached from other machines, but auth.mode is "none": '
                'set auth.mode = "api_key", or server.host = "127.0.0.1" (ninai.toml)'
            ),
        ),
        (
            "",
            {"NINAI__AUTH__MODE": "api_key", "NINAI__AUTH__KEYS_PATH": "/nowhere/keys.json"},
            (
                '$.auth.mode: "api_key" needs at least one key, make one with `ninai keys new NAME`; '
                "there is no /nowhere/keys.json (NINAI__AUTH__MODE)"
            ),
        ),
        (
            f"[auth.keys.a]\n{HASH}\n[auth.keys.b]\n{HASH}",
            {},
            "$.auth.keys.b.hash: the same key as auth.keys.a (ninai.toml)",
        ),
        (
            f"[auth.jwt.a]\n{ISSUER}\n[auth.jwt.b]\n{ISSUER}",
            {},
            "$.auth.jwt.b.issuer: the same issuer as auth.jwt.a (ninai.toml)",
        ),
        (
            "",
            {"NINAI__AUTH__MODE": "jwt"},
            '$.auth.mode: "jwt" needs at least one issuer, as a table auth.jwt.NAME (NINAI__AUTH__MODE)',
        ),
        (
            '[auth]\ndefault_user = " "',
            {},
            '$.auth.default_user: must not be empty, got " " (ninai.toml)',
        ),
        (
            f'[auth.keys.ci]\nuser = "*"\n{HASH}',
            {},
            "$.auth.keys.ci.user: must not be '*', got \"*\" (ninai.toml)",
        ),
    ],
)
def test_a_contradiction_is_refused(
    configuration: Configuration, toml: str, environ: dict[str, str], expected: str
) -> None:
    """The service does not start into a state that nobody can have meant."""
    assert configuration.refusal(toml, environ) == expected


def test_the_journal_remembers_ten_times_as_long_as_a_request_lasts(configuration: Configuration) -> None:
    """Where that is less, so may the memory be; what is longer by default only is cut to it."""
    configuration.load("[chain.retention]\nkeep = 300")

    settings = configuration.load("[chain]\nlongest_request = 5\n[chain.retention]\nkeep = 50").settings
    assert settings.chain.retention.keep == 50


def test_one_variable_of_a_pair_is_enough(configuration: Configuration) -> None:
    """The other one keeps its default."""
    settings = configuration.load("", {"NINAI__CHAIN__ATTEMPTS__NATIVE__RECALL__DEADLINE": "20"}).settings

    recall = settings.chain.attempts["native"].recall
    assert (recall.deadline, recall.try_limit) == (20.0, None)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_without_keys_only_this_machine_is_served(configuration: Configuration, host: str) -> None:
    """A loopback address needs no keys."""
    assert configuration.load(overrides={"server.host": host}).settings.server.host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "ninai.internal"])  # noqa: S104 - nothing listens
def test_with_keys_any_address_is_served(configuration: Configuration, host: str) -> None:
    """An API key is one of the two ways out."""
    toml = f'[auth]\nmode = "api_key"\n[auth.keys.ci]\n{HASH}'

    assert configuration.load(toml, overrides={"server.host": host}).settings.server.host == host


@pytest.mark.parametrize("mode", ["api_key", "jwt"])
def test_an_issuer_of_tokens_stands_for_keys(configuration: Configuration, mode: str) -> None:
    """Nobody has to make a key that is not needed."""
    toml = f'[server]\nhost = "10.0.0.1"\n[auth]\nmode = "{mode}"\n[auth.jwt.company]\n{ISSUER}'

    assert configuration.load(toml).settings.auth.jwt["company"].algorithms == ["RS256", "ES256"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jwks", '"http://i.example/jwks"'),
        ("jwks", '"http://127.0.0.1.evil.example/jwks"'),
        ("jwks", '"https://user:password@i.example/jwks"'),
        ("jwks", '"file:///etc/jwks.json"'),
        ("jwks", '"jwks.json"'),
        ("issuer", '""'),
        ("issuer", '"a b"'),
        ("audience", "[]"),
        ("audience", '[""]'),
        ("algorithms", '["none"]'),
        ("algorithms", '["HS256"]'),
        ("algorithms", "[]"),
        ("refresh", "59"),
        ("refresh", "86401"),
        ("leeway", "-1"),
        ("leeway", "301"),
        ("tenant", '"A"'),
        ("tenant_claim", '""'),
        ("scopes", "[]"),
        ("default_scopes", '["root"]'),
    ],
)
def test_settings_of_an_issuer_that_nobody_can_mean(configuration: Configuration, name: str, value: str) -> None:
    """They are refused by their name."""
    lines = [line for line in ISSUER.splitlines() if not line.startswith(name)]

    refusal = configuration.refusal("\n".join(["[auth.jwt.company]", *lines, f"{name} = {value}"]))

    assert refusal.startswith(f"$.auth.jwt.company.{name}")


@pytest.mark.parametrize(
    "jwks",
    [
        "https://i.example",
        "https://i.example:8443/a/jwks?tenant=1",
        "https://[2001:db8::1]:8443/jwks",
        "http://localhost:8080/jwks",
        "http://127.0.0.1/jwks",
        "http://[::1]:8080/jwks",
        "/etc/ninai/jwks.json",
    ],
)
def test_where_keys_of_an_issuer_may_be(configuration: Configuration, jwks: str) -> None:
    """Encrypted, or on this machine."""
    toml = "[auth.jwt.company]\n" + ISSUER.replace("https://i.example/jwks", jwks)

    assert configuration.load(toml).settings.auth.jwt["company"].jwks == jwks


def test_mem0_alone_may_infer(configuration: Configuration) -> None:
    """With nobody to agree with, what callers remember may go through a language model."""
    environ = {"MEMORY_PROVIDER": "http", "NINAI__DATA_DIR": NO_FOLDER}
    settings = configuration.read("[providers.mem0]\ninfer = true", environ).settings

    assert settings.providers == {"mem0": Mem0Settings(infer=True)}


def test_mem0_alone_with_a_journal_that_was_begun_may_not_infer(configuration: Configuration, tmp_path: Path) -> None:
    """A journal in the data folder goes on, and would have the model asked once more by every delivery."""
    file = tmp_path / "journal.sqlite3"
    file.touch()
    environ = {"MEMORY_PROVIDER": "http", "NINAI__DATA_DIR": str(tmp_path)}

    refusal = configuration.refusal("[providers.mem0]\ninfer = true", environ)

    assert refusal.endswith(f'set order = "mem0" alone, and no journal; {file} has been begun (ninai.toml)')


def test_as_many_dimensions_as_the_database_holds_are_taken(configuration: Configuration) -> None:
    """One more is refused, as above."""
    toml = '[providers.native.embedder]\nkind = "openai"\ndimensions = 16000'

    assert configuration.load(toml).settings.order == ["native"]


def test_a_provider_that_is_not_in_use_is_checked_as_well(configuration: Configuration) -> None:
    """A table of mem0 can wait in the file."""
    settings = configuration.load('[providers.mem0]\nkind = "mem0"\n[providers.native]\nkind = "native"').settings

    assert list(settings.providers) == ["mem0", "native"]


@pytest.mark.parametrize("url", ["http://mem0", "https://[::1]:8001", "http://10.0.0.1:8001/api/v2", "http://h:1/"])
def test_mem0_is_found_at_any_address(configuration: Configuration, url: str) -> None:
    """Host, port and path stand in one setting."""
    settings = configuration.read(f'[providers.mem0]\nbase_url = "{url}"').settings

    assert settings.providers["mem0"] == Mem0Settings(base_url=url)


@pytest.mark.parametrize(
    "url",
    ["mem0:8001", "ftp://h", "http://", "http://h:port", "http://u:p@h", "http://h?a=b", "http://h#a", "http://h h"],
)
def test_what_is_no_address_is_refused(configuration: Configuration, url: str) -> None:
    """Nor are credentials or a query taken for a part of one."""
    refusal = configuration.refusal(f'[providers.mem0]\nbase_url = "{url}"')

    assert refusal.startswith("$.providers.mem0.base_url: ")
