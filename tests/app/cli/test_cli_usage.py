"""`ninai usage` shows what users, keys and tenants have asked of a running service, and what they hold."""

import json
from collections.abc import Iterator

import httpx
import pytest
from click.testing import CliRunner, Result

from app.auth.keys import hash_key, new_key
from app.cli import main
from providers.limits import MAX_LIST_LIMIT
from tests.support.postgres import reachable_folder
from tests.support.service import Service, running_service

OPS, PLAIN = new_key("one"), new_key("two")
USERS = ("alice", "b b", "carol")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service with keys and a quota, whose Redis for several hosts does not answer; three users hold a memory."""
    environ = {
        "NINAI__ORDER": '["a"]',
        "NINAI__PROVIDERS__A__KIND": "mock",
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__KEYS__OPS__HASH": hash_key(OPS),
        "NINAI__AUTH__KEYS__OPS__SCOPES": "admin",
        "NINAI__AUTH__KEYS__PLAIN__HASH": hash_key(PLAIN),
        "NINAI__QUOTAS__USER__MEMORIES": "1",
        "NINAI__LIMITS__STORE": "redis://127.0.0.1:1",
    }
    with reachable_folder() as folder, running_service(folder, environ) as started:
        for user in (*USERS, "alice"):
            body, headers = {"content": "tea", "user_id": user}, {"Authorization": f"Bearer {PLAIN}"}
            httpx.post(f"{started.url}/memory/remember", json=body, headers=headers, trust_env=False)
        yield started


def usage(service: Service, *arguments: str, key: str = OPS) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["usage", *arguments, "--url", service.url], env={"NINAI_API_KEY": key})


def test_users_are_shown_with_what_they_hold(service: Service) -> None:
    """A refused request is one of both numbers; what is not covered is said."""
    lines = usage(service).stdout.splitlines()

    assert lines[0].split() == ["user", "requests", "refused", "written", "memories", "quota", "bytes", "quota"]
    assert [line.rsplit(maxsplit=7) for line in lines[1:4]] == [
        ["alice", "2", "1", "1", "1", "1", "3", "-"],
        ["b b", "1", "0", "1", "1", "1", "3", "-"],
        ["carol", "1", "0", "1", "1", "1", "3", "-"],
    ]
    assert lines[4].startswith("requests to 1 host since 2")
    assert lines[5:] == ["those to other hosts are not known: the Redis of limits.store does not answer"]


@pytest.mark.parametrize(("by", "name", "requests"), [("key", "plain", 4), ("tenant", "default", 4)])
def test_keys_and_tenants_are_shown(service: Service, by: str, name: str, requests: int) -> None:
    """A key holds nothing; as JSON it is what the admin API answers."""
    words, told = usage(service, "--by", by), json.loads(usage(service, "--by", by, "--json").stdout)

    assert ("memories" in words.stdout.splitlines()[0]) == (by == "tenant")
    [entry] = [entry for entry in told["entries"] if entry["name"] == name]
    assert (told["by"], told["hosts"], entry["requests"], entry["refused"]) == (by, 1, requests, 1)


def test_pages_have_each_user_once(service: Service) -> None:
    """The last line of a page says how to go on."""
    first = json.loads(usage(service, "--limit", "2", "--json").stdout)
    second = json.loads(usage(service, "--limit", "2", "--after", first["next_after"], "--json").stdout)
    words = usage(service, "--limit", "2").stdout.splitlines()

    assert sorted(entry["name"] for page in (first, second) for entry in page["entries"]) == sorted(USERS)
    assert second["next_after"] is None
    assert words[-1].startswith("there are more: --after ")


@pytest.mark.parametrize(
    ("arguments", "key", "code"),
    [
        (["--by", "nobody"], "ops", 2),
        (["--limit", "0"], "ops", 2),
        (["--limit", str(MAX_LIST_LIMIT + 1)], "ops", 2),
        (["--limit", str(MAX_LIST_LIMIT)], "ops", 0),
        (["--after", "*"], "ops", 1),
        (["--after", ""], "ops", 1),
        ([], "plain", 1),
    ],
)
def test_what_cannot_be_shown_is_refused(service: Service, arguments: list[str], key: str, code: int) -> None:
    """By the command, or by the service, whose words are shown."""
    result = usage(service, *arguments, key={"ops": OPS, "plain": PLAIN}[key])

    assert result.exit_code == code
    assert (result.stderr == "") == (code == 0)
