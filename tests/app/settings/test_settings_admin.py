"""Where the admin API listens."""

import pytest

from tests.app.settings.configuration import Configuration

KEYS = f'[auth]\nmode = "api_key"\n[auth.keys.ci]\nhash = "sha256:{"0" * 64}"\n'


def test_by_default_the_admin_api_has_no_port_of_its_own(configuration: Configuration) -> None:
    """One port serves everything, and what the host would be does not matter."""
    assert configuration.load().settings.admin.port is None
    assert configuration.load('[admin]\nhost = "0.0.0.0"').settings.admin.port is None


def test_with_keys_it_may_listen_anywhere(configuration: Configuration) -> None:
    """As the server."""
    settings = configuration.load('[admin]\nhost = "10.0.0.1"\nport = 9090\n' + KEYS).settings

    assert (settings.admin.host, settings.admin.port) == ("10.0.0.1", 9090)


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        (
            'host = "10.0.0.1"\nport = 9090',
            (
                '$.admin.host: "10.0.0.1" can be reached from other machines, but auth.mode is "none": '
                'set auth.mode = "api_key", or admin.host = "127.0.0.1" (ninai.toml)'
            ),
        ),
        (
            "port = 8000",
            "$.admin.port: 8000 is server.port; without admin.port that serves the admin API (ninai.toml)",
        ),
        ("port = 0", "$.admin.port: expected int >= 1, got 0 (ninai.toml)"),
        (
            'session_secret = "tea"',
            "$.admin.session_secret: expected at least 32 characters, by chance (ninai.toml)",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(configuration: Configuration, toml: str, expected: str) -> None:
    """The admin API is open to nobody by accident."""
    assert configuration.refusal(f"[admin]\n{toml}") == expected
