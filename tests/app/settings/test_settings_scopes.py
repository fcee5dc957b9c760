"""What an API key opens."""

import pytest

from app.settings.auth import GRANTS, SCOPES, scopes_of
from tests.app.settings.configuration import Configuration

ALL = ", ".join(f'"{grant}"' for grant in GRANTS)
KEY = f'[auth.keys.ci]\nhash = "sha256:{"0" * 64}"\n'


@pytest.mark.parametrize(
    ("toml", "scopes"),
    [
        ("", ["memory"]),
        ('scopes = ["admin"]', ["admin"]),
        ('scopes = ["memory:read", "admin"]', ["memory:read", "admin"]),
    ],
)
def test_a_key_opens_the_memories_unless_it_says_otherwise(
    configuration: Configuration, toml: str, scopes: list[str]
) -> None:
    """The scope of operators is given by name."""
    assert configuration.load(KEY + toml).settings.auth.keys["ci"].scopes == scopes


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("scopes = []", f"$.auth.keys.ci.scopes: expected a list of {ALL}, got [] (ninai.toml)"),
        ('scopes = ["root"]', f'$.auth.keys.ci.scopes: expected a list of {ALL}, got ["root"] (ninai.toml)'),
        (
            'scopes = ["admin"]\nuser = "alice"',
            '$.auth.keys.ci.user: the key speaks for no user without the scope "memory" (ninai.toml)',
        ),
    ],
)
def test_scopes_that_make_no_sense_are_refused(configuration: Configuration, toml: str, expected: str) -> None:
    """A key opens something, of what there is; a user is of use to the memories alone."""
    assert configuration.refusal(KEY + toml) == expected


def test_sums_stand_for_their_scopes() -> None:
    """What keys of before were given goes on meaning all of it; both are everything but the memories of others."""
    assert scopes_of(["memory"]) == {"memory:read", "memory:write", "memory:delete", "memory:export"}
    assert scopes_of(["admin"]) == {"admin:read", "admin:write", "metrics:read"}
    assert scopes_of(["memory", "admin"]) == set(SCOPES) - {"admin:memories"}
    assert scopes_of(["memory:read", "metrics:read"]) == {"memory:read", "metrics:read"}
