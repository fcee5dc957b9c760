"""Settings that are right one by one may still contradict each other."""

import pytest

from tests.app.settings.configuration import Configuration

TWO_OF_ONE = """
[providers.a]
kind = "native"
dsn = "postgres://h/d"
[providers.b]
kind = "native"
dsn = "postgresql://h/d"
"""
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
            TWO_OF_ONE,
            {"NINAI__ORDER": "a,b"},
            '$.order: "a" and "b" are one database (NINAI__ORDER)',
        ),
        (
            "",
            {"MEMORY_PROVIDER": "http"},
            '$.order: provider "mem0": kind "mem0" is not available in this version (MEMORY_PROVIDER)',
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
            {"NINAI__AUTH__MODE": "api_key"},
            (
                '$.auth.mode: "api_key" needs at least one key in auth.keys, make one with `ninai keys new NAME` '
                "(NINAI__AUTH__MODE)"
            ),
        ),
        (
            f"[auth.keys.a]\n{HASH}\n[auth.keys.b]\n{HASH}",
            {},
            "$.auth.keys.b.hash: the same key as auth.keys.a (ninai.toml)",
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


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_without_keys_only_this_machine_is_served(configuration: Configuration, host: str) -> None:
    """A loopback address needs no keys."""
    assert configuration.load(overrides={"server.host": host}).settings.server.host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "ninai.internal"])  # noqa: S104 - nothing listens
def test_with_keys_any_address_is_served(configuration: Configuration, host: str) -> None:
    """An API key is one of the two ways out."""
    toml = f'[auth]\nmode = "api_key"\n[auth.keys.ci]\n{HASH}'

    assert configuration.load(toml, overrides={"server.host": host}).settings.server.host == host


def test_a_provider_that_is_not_in_use_may_be_of_any_kind(configuration: Configuration) -> None:
    """A table of mem0 is read and checked, so that it can wait in the file."""
    settings = configuration.load('[providers.mem0]\nkind = "mem0"\n[providers.native]\nkind = "native"').settings

    assert list(settings.providers) == ["mem0", "native"]
