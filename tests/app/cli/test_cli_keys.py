"""`ninai keys` makes and changes keys in a file that a service follows, or prints them for the configuration."""

import json
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.auth.key_uses import KeyUses
from app.auth.keys import Pepper, hash_key, key_id_in
from app.auth.keys_file import KeysFile, KeysFileFault
from app.cli import main
from app.settings import load
from app.settings.auth import KeySettings
from providers.native.embedded.os_user import unreachable_parent
from tests.support.postgres import reachable_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder that is not there yet."""
    return tmp_path / "data"


def run(folder: Path, *arguments: str, config: Path | None = None) -> Result:
    """Run `ninai keys` for the service of a data folder."""
    before = [] if config is None else ["--config", str(config)]
    return CliRunner().invoke(main, [*before, "keys", *arguments, "--data-dir", str(folder)])


def told(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run it, and return what it says in JSON."""
    result = run(folder, *arguments, "--json")
    assert result.exit_code == 0, result.output
    said: dict[str, Any] = json.loads(result.stdout)
    return said


def filed(folder: Path) -> dict[str, KeySettings]:
    """The keys in the file."""
    return KeysFile(folder / "keys.json").read()


def pepper(folder: Path) -> Pepper:
    """The pepper of a data folder."""
    return Pepper((folder / "keys.pepper").read_bytes())


def test_a_new_key_is_shown_once_and_stored_as_a_hash(folder: Path) -> None:
    """What is stored can be read by its owner alone, and holds no secret but the pepper."""
    result = run(folder, "new", "ci-bot")

    [key] = re.findall(r"^    (ninai_\S+)$", result.stdout, flags=re.MULTILINE)
    assert (result.exit_code, key_id_in(key), result.stdout.count(key)) == (0, "ci-bot", 1)
    assert filed(folder) == {"ci-bot": KeySettings(hash=pepper(folder).hash(key))}
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "keys.json": 0o600,
        "keys.json.lock": 0o600,
        "keys.pepper": 0o600,
    }
    assert folder.stat().st_mode & 0o066 == 0
    secret = key.split("_")[2]
    assert [path.name for path in folder.iterdir() if secret.encode() in path.read_bytes()] == []


def test_keys_are_made_before_the_first_start() -> None:
    """The folder that they make is one in which the service can keep its database, also where root makes them."""
    with reachable_folder() as place:
        result = run(place / "new" / "data", "new", "ci-bot")

        assert result.exit_code == 0, result.output
        assert unreachable_parent(place / "new" / "data" / "postgres") is None


def test_a_key_has_what_it_is_given(folder: Path) -> None:
    """Tenant, users, scopes and an end."""
    before = datetime.now(UTC)
    given = ("--tenant", "acme", "--user", "a", "--user", "b", "--user-prefix", "t-", "--scope", "memory:read")

    made = told(folder, "new", "ci", *given, "--expires", "90d")

    [key] = filed(folder).values()
    assert (key.tenant, key.user, key.users, key.user_prefix) == ("acme", None, ["a", "b"], "t-")
    assert (key.scopes, made["scopes"]) == (["memory:read"], ["memory:read"])
    assert key.expires is not None
    assert before + timedelta(days=89) < key.expires <= datetime.now(UTC) + timedelta(days=90)
    assert key.hash == pepper(folder).hash(made["key"])


@pytest.mark.parametrize("user", [None, "alice", 'Zoë "x\\y"'])
def test_a_printed_table_is_that_of_the_printed_key(tmp_path: Path, folder: Path, user: str | None) -> None:
    """What is pasted into the file makes the settings know the key, and nothing but the pepper is stored."""
    options = [] if user is None else ["--user", user]
    result = run(folder, "new", "ci-bot", "--scope", "admin", "--scope", "memory", "--print", *options)

    key = re.findall(r"^    (ninai_\S+)$", result.stdout, flags=re.MULTILINE)[0]
    table = result.stdout[result.stdout.index("[auth") :]
    file = tmp_path / "ninai.toml"
    file.write_text(f'auth.mode = "api_key"\n{table}', "utf-8")
    assert set(tomllib.loads(table)["auth"]["keys"]["ci-bot"]) == {"hash", "scopes", *(["user"] if user else [])}
    expected = KeySettings(hash=pepper(folder).hash(key), user=user, scopes=["admin", "memory"])
    assert load(file, {}).settings.auth.keys == {"ci-bot": expected}
    assert not (folder / "keys.json").exists()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["a b"], "Error: Invalid value for 'NAME': use letters, digits, underscores and dashes"),
        (["a.b"], "Error: Invalid value for 'NAME': use letters, digits, underscores and dashes"),
        (["a" * 65], "Error: Invalid value for 'NAME': use at most 64 characters"),
        (["ci", "--user", "*"], "Error: Invalid value for '--user': must not be '*'"),
        (["ci", "--user", "x", "--scope", "admin"], 'Error: the key speaks for no user without the scope "memory"'),
        (["ci", "--user", ""], "Error: Invalid value for '--user': must not be empty"),
        (
            ["ci", "--tenant", "A"],
            "Error: Invalid value for '--tenant': use up to 63 lower-case letters, digits, dashes and underscores",
        ),
        (
            ["ci", "--expires", "soon"],
            "Error: Invalid value for '--expires': expected 90d, 12h, or a date and time like 2027-01-31T00:00Z",
        ),
    ],
)
def test_what_could_not_be_a_key_is_refused(folder: Path, arguments: list[str], fault: str) -> None:
    """No key is made for a name or a user that the service would refuse."""
    result = run(folder, "new", *arguments)

    assert (result.exit_code, result.stdout, result.stderr.splitlines()[-1]) == (2, "", fault)
    assert not (folder / "keys.json").exists()


def test_a_name_is_given_once(folder: Path) -> None:
    """A second key of the name would be the same caller."""
    told(folder, "new", "ci")
    before = filed(folder)

    result = run(folder, "new", "ci")

    assert (result.exit_code, filed(folder)) == (1, before)
    assert "there is a key ci already" in result.stderr


def test_a_rotated_key_has_two_secrets_for_a_while(folder: Path) -> None:
    """The former one for a day, unless another time is given; of an earlier rotation nothing is left."""
    first = told(folder, "new", "ci", "--tenant", "acme")["key"]
    second = told(folder, "rotate", "ci")["key"]
    [rotated] = filed(folder).values()
    third = told(folder, "rotate", "ci", "--keep", "10m")["key"]
    [again] = filed(folder).values()
    told(folder, "rotate", "ci", "--keep", "0")
    [at_once] = filed(folder).values()

    hashes = [pepper(folder).hash(key) for key in (first, second, third)]
    assert rotated.hashes == [hashes[1], hashes[0]]
    assert again.hashes == [hashes[2], hashes[1]]
    assert (len(at_once.hashes), at_once.tenant, at_once.former_until) == (1, "acme", None)
    assert rotated.former_until is not None
    assert timedelta(hours=23) < rotated.former_until - datetime.now(UTC) <= timedelta(hours=24)


def test_a_key_of_before_is_rotated_into_one_of_the_new_form(tmp_path: Path, folder: Path) -> None:
    """It stays the same caller; what is in the configuration is printed, since no command changes that file."""
    config = tmp_path / "ninai.toml"
    config.write_text(f'[auth.keys.old]\nhash = "{hash_key("ninai_before")}"\nuser = "alice"\n', "utf-8")

    result = run(folder, "rotate", "old", config=config)

    table = tomllib.loads(result.stdout[result.stdout.index("[auth") : result.stdout.index("The former")])
    rotated = table["auth"]["keys"]["old"]
    assert (rotated["former_hash"], rotated["user"]) == (hash_key("ninai_before"), "alice")
    assert rotated["hash"].startswith("hmac-sha256:")
    assert not (folder / "keys.json").exists()


@pytest.mark.parametrize("command", [["revoke", "old"], ["expire", "old", "1d"]])
def test_what_is_configured_is_changed_in_the_configuration(tmp_path: Path, folder: Path, command: list[str]) -> None:
    """The command says so, and changes nothing."""
    config = tmp_path / "ninai.toml"
    config.write_text(f'[auth.keys.old]\nhash = "{hash_key("ninai_before")}"\n', "utf-8")

    result = run(folder, *command, config=config)

    assert result.exit_code == 1
    assert "old is in the configuration: change it there" in result.stderr


def test_a_revoked_key_stays_on_record(folder: Path) -> None:
    """When it was withdrawn is kept, also if that is repeated, and it gets no other secret."""
    told(folder, "new", "ci")
    first, second = told(folder, "revoke", "ci"), told(folder, "revoke", "ci")

    assert first["revoked"] == second["revoked"]
    assert "key" not in first
    result = run(folder, "rotate", "ci")
    assert (result.exit_code, "ci was revoked" in result.stderr) == (1, True)


@pytest.mark.parametrize("arguments", [["expire", "ci"], ["expire", "ci", "1d", "--never"]])
def test_an_end_is_one(folder: Path, arguments: list[str]) -> None:
    """A time, none, or that of the former secret."""
    told(folder, "new", "ci")

    assert run(folder, *arguments).exit_code == 2


def test_a_key_may_read_more_than_its_user(folder: Path) -> None:
    """The list tells; a key for everybody cannot have it, since it would narrow nothing."""
    made = told(folder, "new", "anna", "--user", "anna", "--reads", "team:sales", "--reads", "agent:planner")

    assert made["reads"] == ["team:sales", "agent:planner"]
    assert "anna,reads team:sales,reads agent:planner" in run(folder, "list").stdout
    assert run(folder, "new", "all", "--reads", "team:sales").exit_code == 2


def test_only_a_former_secret_that_there_is_ends(folder: Path) -> None:
    """The words are about it, and not about the key's own end."""
    told(folder, "new", "ci")
    none = run(folder, "expire", "ci", "--former")
    told(folder, "rotate", "ci")
    ended = run(folder, "expire", "ci", "--former")

    assert (none.exit_code, "no former secret" in none.stderr) == (1, True)
    assert ended.stdout == "The former secret of ci has ended; a running service refuses it within a second.\n"


def test_a_key_that_had_ended_is_renewed(folder: Path) -> None:
    """So that what had ended with it does not come back; one that has not ended is not."""
    told(folder, "new", "ci")

    assert "renewed" not in told(folder, "expire", "ci", "1d")
    assert "renewed" not in told(folder, "expire", "ci", "2020-01-01")
    assert "renewed" in told(folder, "expire", "ci", "1d")


def test_keys_are_listed_with_their_state_and_use(tmp_path: Path, folder: Path) -> None:
    """Those of the file and of the configuration; never a secret, nor a hash."""
    config = tmp_path / "ninai.toml"
    config.write_text(f'[auth.keys.old]\nhash = "{hash_key("ninai_before")}"\n', "utf-8")
    secrets = [told(folder, "new", name)["key"] for name in ("plain", "gone", "late", "twice")]
    told(folder, "revoke", "gone")
    told(folder, "expire", "late", "2020-01-01")
    secrets.append(told(folder, "rotate", "twice")["key"])
    KeyUses.below(folder).note({"plain": 490_000})
    KeyUses.below(folder).note({"plain": 489_999, "twice": 489_000})

    as_json, text = run(folder, "list", "--json", config=config), run(folder, "list", config=config)

    views = {view["name"]: view for view in json.loads(as_json.stdout)}
    assert {name: view["state"] for name, view in views.items()} == {
        "plain": "active",
        "gone": "revoked",
        "late": "expired",
        "twice": "rotating",
        "old": "active",
    }
    assert views["plain"]["uses"][0]["at"] == "2025-11-24T16:00:00Z"
    assert (views["old"]["source"], views["gone"]["uses"]) == ("configuration", [])
    assert len(text.stdout.splitlines()) == 6
    for hidden in [*secrets, *(text for key in filed(folder).values() for text in key.hashes)]:
        assert hidden not in as_json.stdout + text.stdout


def test_there_is_no_key_of_that_name(folder: Path) -> None:
    """Nor a file of keys, yet."""
    for command in (["rotate", "x"], ["revoke", "x"], ["expire", "x", "1d"]):
        result = run(folder, *command)
        assert (result.exit_code, "there is no key x" in result.stderr) == (1, True)
    assert json.loads(run(folder, "list", "--json").stdout) == []


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "not a file of keys"),
        ('{"keys": {"a": {"hash": "canary7f3a"}}}', "not a file of keys: at $.keys[...].hash"),
        ('{"keys": {"a b": {"hash": "sha256:%s"}}}' % ("0" * 64), "not a file of keys: at key in $.keys"),
        ('{"keys": {"a": {"hash": "sha256:%s", "more": 1}}}' % ("0" * 64), "not a file of keys: at $.keys[...]"),
        ('{"keys": {"a": {"hash": "sha256:%s", "user": "*"}}}' % ("0" * 64), "a.user: must not be '*', got \"*\""),
    ],
)
def test_a_file_of_something_else_is_left_alone(folder: Path, content: str, fault: str) -> None:
    """It is refused as a whole: a restriction that is not understood must not be overlooked."""
    folder.mkdir()
    file = folder / "keys.json"
    file.write_text(content, "utf-8")

    result = run(folder, "new", "ci")

    assert (result.exit_code, file.read_text("utf-8")) == (1, content)
    assert result.stderr.strip() == f"Error: {file}: {fault}"
    with pytest.raises(KeysFileFault):
        filed(folder)
