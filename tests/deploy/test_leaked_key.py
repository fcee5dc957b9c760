"""What the page on accountability says to do when a key has leaked, done as it is written there."""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.support.commands import typed
from tests.support.service import NINAI, Service, environment, ninai, running_service

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "deploy" / "docs" / "accountability.md").read_text("utf-8")
DRILL = PAGE.partition("## When a key has leaked")[2]
POISONED, READ, USERS = 100, 50, 5

_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """Keys of two callers and of an operator, by their names."""
    folder = tmp_path / "data"
    made = {}
    for name, scope in (("agent", "memory"), ("assistant", "memory"), ("ops", "admin")):
        told = ninai("keys", "new", name, "--scope", scope, "--data-dir", folder, "--json")
        made[name] = str(json.loads(told.stdout)["key"])
    return made


@pytest.fixture
def service(tmp_path: Path, keys: dict[str, str]) -> Iterator[Service]:
    """A service that asks for keys and keeps an audit."""
    assert keys
    variables = {"MEMORY_PROVIDER": "mock", "NINAI__AUTH__MODE": "api_key", "NINAI__AUDIT__ENABLED": "true"}
    with running_service(tmp_path, variables) as one:
        yield one


def caller(service: Service, key: str, user: int) -> httpx.Client:
    """A client with a key, for one of the users."""
    headers = {"Authorization": f"Bearer {key}", "X-User-ID": f"user-{user}"}
    return httpx.Client(base_url=service.url, headers=headers, trust_env=False)


def remembered(http: httpx.Client, content: str) -> str:
    """Store a memory, and return its id."""
    return str(http.post("/memory/remember", json={"content": content}).raise_for_status().json()["memory_id"])


def shown(http: httpx.Client) -> list[str]:
    """The texts that a user's agent is shown, by list and by recall."""
    listed = http.get("/memory/memories").raise_for_status().json()["memories"]
    recalled = http.post("/memory/recall", json={"query": "tea", "limit": 100}).raise_for_status().json()["memories"]
    assert {memory["id"] for memory in recalled} == {memory["id"] for memory in listed}
    return sorted(memory["content"] for memory in listed)


@pytest.mark.thorough
def test_the_drill_as_it_is_written(service: Service, keys: dict[str, str]) -> None:
    """Found, revoked and hidden within five commands; what users have is shown as before."""
    good, ids = {}, []
    for user in range(USERS):
        for name in ("agent", "assistant"):
            with caller(service, keys[name], user) as http:
                remembered(http, f"user {user} told {name} of tea")
                good[user] = shown(http)
    since = datetime.now(UTC).isoformat(timespec="milliseconds")
    for number in range(POISONED):
        with caller(service, keys["agent"], number % USERS) as http:
            ids.append(remembered(http, f"poisoned tea {number}"))
            if number < READ:
                http.get(f"/memory/memories/{ids[-1]}").raise_for_status()
    with caller(service, keys["assistant"], 0) as http:
        assert len(shown(http)) == len(good[0]) + POISONED // USERS

    variables = {
        "SINCE": since,
        "NINAI_URL": service.url,
        "NINAI_API_KEY": keys["ops"],
        "NINAI__DATA_DIR": str(service.data_dir),
        "PATH": f"{NINAI.parent}:/usr/bin:/bin",
    }
    commands = typed(DRILL)
    said = []
    for command in commands:
        done = subprocess.run(  # noqa: S603 - what the page says
            ["/bin/bash", "-c", command],
            env=environment(**variables),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
        said.append(done.stdout)

    assert len(commands) <= 5
    found, _, _, listed, verified = said
    assert found.count("remember ok 1") == POISONED
    assert found.count("get ok 1") == READ
    assert "127.0.0.1" in found
    assert all(f"user-{user}" in found for user in range(USERS))
    assert "the key was published" in listed
    assert "all of it is as it was written" in verified
    for user in range(USERS):
        with caller(service, keys["agent"], user) as http:
            assert http.get("/memory/memories").status_code == 401
        with caller(service, keys["assistant"], user) as http:
            assert shown(http) == good[user]
            assert http.get(f"/memory/memories/{ids[user]}").status_code == 404
    [quarantine] = json.loads(ninai("quarantine", "list", "--json", **variables).stdout)["quarantines"]
    hidden = json.loads(ninai("quarantine", "show", quarantine["id"], "--json", **variables).stdout)
    assert {memory["memory_id"] for memory in hidden} == set(ids)


def test_every_attack_names_tests_that_exist() -> None:
    """Each row of the table has some."""
    rows = [row for row in DRILL.splitlines() if row.startswith(("| a ", "| an "))]
    named = [_TEST.findall(row) for row in rows]

    assert len(rows) == 5
    assert all(named)
    for path, name in (one for row in named for one in row):
        assert re.search(rf"def {name}\(", (ROOT / path).read_text("utf-8")), (path, name)
