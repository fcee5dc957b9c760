"""What an API key opens."""

import pytest

from tests.app.settings.configuration import Configuration

KEY = f'[auth.keys.ci]\nhash = "sha256:{"0" * 64}"\n'


@pytest.mark.parametrize(
    ("toml", "scopes"),
    [("", ["memory"]), ('scopes = ["admin"]', ["admin"]), ('scopes = ["memory", "admin"]', ["memory", "admin"])],
)
def test_a_key_opens_the_memories_unless_it_says_otherwise(
    configuration: Configuration, toml: str, scopes: list[str]
) -> None:
    """The scope of operators is given by name."""
    assert configuration.load(KEY + toml).settings.auth.keys["ci"].scopes == scopes


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("scopes = []", '$.auth.keys.ci.scopes: expected a list of "memory", "admin" or both, got [] (ninai.toml)'),
        (
            'scopes = ["root"]',
            '$.auth.keys.ci.scopes: expected a list of "memory", "admin" or both, got ["root"] (ninai.toml)',
        ),
        (
            'scopes = ["admin"]\nuser = "alice"',
            '$.auth.keys.ci.user: the key speaks for no user without the scope "memory" (ninai.toml)',
        ),
    ],
)
def test_scopes_that_make_no_sense_are_refused(configuration: Configuration, toml: str, expected: str) -> None:
    """A key opens something, of what there is; a user is of use to the memories alone."""
    assert configuration.refusal(KEY + toml) == expected
