"""`ninai keys new` makes a key that the configuration knows by its hash."""

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.auth.keys import hash_key, new_key
from app.cli import main
from app.settings import load
from app.settings.auth import KeySettings


def test_a_key_is_random_and_recognisable() -> None:
    """A prefix for scanners, then 43 characters that are safe in a URL."""
    first, second = new_key("test"), new_key()

    assert re.fullmatch(r"ninai_[A-Za-z0-9_-]{43}", first)
    assert first != second


def test_a_hash_is_sha256_of_the_whole_key() -> None:
    """The published test vector of SHA-256 (FIPS 180-2, B.1)."""
    assert hash_key("abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("options", "user"), [([], None), (["--user", "alice"], "alice"), (["--user", 'Zoë "x\\y"'], 'Zoë "x\\y"')]
)
def test_the_printed_table_is_that_of_the_printed_key(tmp_path: Path, options: list[str], user: str | None) -> None:
    """What is pasted into the file makes the settings know the key."""
    result = CliRunner().invoke(main, ["keys", "new", "ci-bot", *options])

    key = re.findall(r"^    (ninai_\S+)$", result.stdout, flags=re.MULTILINE)[0]
    table = result.stdout[result.stdout.index("[") :]
    file = tmp_path / "ninai.toml"
    file.write_text(f'auth.mode = "api_key"\n{table}', "utf-8")
    assert result.exit_code == 0
    assert result.stdout.count(key) == 1
    assert tomllib.loads(table) == {
        "auth": {"keys": {"ci-bot": {"hash": hash_key(key), **({} if user is None else {"user": user})}}}
    }
    assert load(file, {}).settings.auth.keys == {"ci-bot": KeySettings(hash=hash_key(key), user=user)}


def test_a_key_may_be_for_operators(tmp_path: Path) -> None:
    """The printed table says what the key opens, where that is not the memories alone."""
    result = CliRunner().invoke(main, ["keys", "new", "ops", "--scope", "admin", "--scope", "memory"])

    file = tmp_path / "ninai.toml"
    file.write_text(result.stdout[result.stdout.index("[") :], "utf-8")
    assert load(file, {}).settings.auth.keys["ops"].scopes == ["admin", "memory"]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["a b"], "Error: Invalid value for 'NAME': use letters, digits, underscores and dashes"),
        (["a.b"], "Error: Invalid value for 'NAME': use letters, digits, underscores and dashes"),
        (["ci", "--user", "*"], "Error: Invalid value for '--user': must not be '*'"),
        (["ci", "--user", "x", "--scope", "admin"], 'Error: a key speaks for no user without the scope "memory"'),
        (["ci", "--user", ""], "Error: Invalid value for '--user': must not be empty"),
    ],
)
def test_what_the_file_could_not_hold_is_refused(arguments: list[str], fault: str) -> None:
    """No key is made for a name or a user that the configuration would refuse."""
    result = CliRunner().invoke(main, ["keys", "new", *arguments])

    assert (result.exit_code, result.stdout, result.stderr.splitlines()[-1]) == (2, "", fault)
