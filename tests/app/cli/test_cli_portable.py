"""`ninai export` and `ninai import` with a real service: whole files, files that were cut off, and other people's."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.cli.importing import PART_LINES
from tests.app.portable.portability import unsourced
from tests.support.api import fresh_user
from tests.support.fickle_http import Behaviour, FickleHttp
from tests.support.postgres import reachable_folder
from tests.support.service import Service, running_service

Change = Callable[[list[bytes]], list[bytes]]

LONG = [f"{number} {'x' * 30_000}" for number in range(80)]  # more than two pages of an export hold


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service over memory alone."""
    with reachable_folder() as folder, running_service(folder, {"MEMORY_PROVIDER": "mock"}) as started:
        yield started


@pytest.fixture
def user() -> str:
    """A user nobody has used before."""
    return fresh_user()


def run(url: str, *arguments: str | Path, sent: bytes | None = None) -> Result:
    """Run a command with the service."""
    return CliRunner().invoke(main, [*map(str, arguments), "--url", url], input=sent)


def remembered(service: Service, user: str, contents: Sequence[str]) -> None:
    """Store memories."""
    for begin in range(0, len(contents), 20):
        body = {"memories": [{"content": content} for content in contents[begin : begin + 20]], "user_id": user}
        response = httpx.post(f"{service.url}/memory/remember/batch", json=body, trust_env=False)
        assert response.json()["failed"] == 0


def listed(service: Service, user: str) -> list[dict[str, Any]]:
    """Return a user's memories, the oldest first, but for whose they are."""
    body = {"order": "oldest", "limit": 1_000, "user_id": user}
    response = httpx.post(f"{service.url}/memory/list", json=body, trust_env=False)
    memories = response.json()["memories"]
    return [{name: value for name, value in one.items() if name != "user_id"} for one in memories]


def lines_in(file: Path) -> list[dict[str, Any]]:
    """Return the lines of an export."""
    return [json.loads(line) for line in file.read_bytes().splitlines()]


@pytest.mark.thorough
def test_a_file_goes_out_and_in(service: Service, user: str, tmp_path: Path) -> None:
    """Another user has the same then; the report counts, and a repetition changes nothing."""
    remembered(service, user, ["tea", "用户 coffee", *[f"number {number}" for number in range(PART_LINES)]])
    file, other = tmp_path / "mine.ndjson", fresh_user()

    out = run(service.url, "export", "--user", user, "-o", file, "--json")
    into = [run(service.url, "import", file, "--user", other, "--json") for _ in range(2)]

    assert (out.exit_code, json.loads(out.stdout)["memories"]) == (0, PART_LINES + 2), out.output
    assert [one.exit_code for one in into] == [0, 0]
    assert [json.loads(one.stdout)["stored"] for one in into] == [PART_LINES + 2] * 2
    assert unsourced(listed(service, other)) == unsourced(listed(service, user))
    assert not (tmp_path / "mine.ndjson.part").exists()


def test_standard_streams_are_files_too(service: Service, user: str) -> None:
    """`-` stands for both."""
    remembered(service, user, ["tea"])
    other = fresh_user()

    out = run(service.url, "export", "--user", user)
    into = run(service.url, "import", "-", "--user", other, sent=out.stdout_bytes)

    assert (out.exit_code, into.exit_code) == (0, 0)
    assert "1 memory is stored" in into.stdout
    assert [one["content"] for one in listed(service, other)] == ["tea"]


def test_conditions_choose(service: Service, user: str, tmp_path: Path) -> None:
    """As those of the request."""
    body = {"content": "tea", "session": "trip", "user_id": user}
    httpx.post(f"{service.url}/memory/remember", json=body, trust_env=False).raise_for_status()
    remembered(service, user, ["coffee"])
    run(service.url, "export", "--user", user, "--session", "trip", "-o", tmp_path / "some")

    assert [line["content"] for line in lines_in(tmp_path / "some") if line["kind"] == "memory"] == ["tea"]


def test_an_export_goes_on_where_it_was_broken_off(service: Service, user: str, tmp_path: Path) -> None:
    """What a broken run has left beside the file is complete up to its last checkpoint; the rest is not used."""
    remembered(service, user, LONG)
    whole, again = tmp_path / "whole", tmp_path / "again"
    run(service.url, "export", "--user", user, "-o", whole)
    text = whole.read_bytes()
    end = text.index(b"\n", text.index(b'"checkpoint"')) + 1
    (tmp_path / "again.part").write_bytes(text[: end + 45_000])  # a line and a half more

    result = run(service.url, "export", "--user", user, "-o", again)

    assert result.exit_code == 0
    assert "going on behind" in result.stderr
    assert again.read_bytes() == text


def test_an_export_of_another_user_is_not_gone_on_with(service: Service, user: str, tmp_path: Path) -> None:
    """The file would hold memories of both."""
    remembered(service, user, LONG)
    run(service.url, "export", "--user", user, "-o", tmp_path / "whole")
    text = (tmp_path / "whole").read_bytes()
    (tmp_path / "other.part").write_bytes(text[: text.index(b"\n", text.index(b'"checkpoint"')) + 1])

    result = run(service.url, "export", "--user", fresh_user(), "-o", tmp_path / "other")

    assert result.exit_code == 1
    assert "belongs to the list of another user" in result.stderr


async def test_an_answer_that_is_cut_off_is_gone_on_with(service: Service, user: str, tmp_path: Path) -> None:
    """Within one run, behind the last checkpoint that came."""
    remembered(service, user, LONG)
    file = tmp_path / "mine"
    async with FickleHttp(service.url) as proxy:
        await proxy.become(Behaviour.TRUNCATED, only=lambda received: "after=" not in received.path)
        result = await asyncio.to_thread(run, proxy.base_url, "export", "--user", user, "-o", file)

    assert result.exit_code == 0, result.output
    assert "trying again" in result.stderr
    lines = lines_in(file)
    assert [line["content"] for line in lines if line["kind"] == "memory"] == LONG
    assert [line["kind"] for line in lines].count("header") == 1
    assert lines[-1]["memories"] == len(LONG)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[:-1], "no trailer"),
        (lambda _lines: [], "it is empty"),
        (lambda lines: [*lines[:1], *lines[2:]], "counts 3 memories and 0 versions, and there are 2"),
        (lambda lines: [*lines[:2], b'{"kind":"riddle"}', *lines[3:]], "line 3: kind: must be one of"),
        (lambda lines: [lines[0].replace(b'"1.', b'"9.'), *lines[1:]], "which this service reads"),
    ],
)
def test_a_file_that_is_not_whole_is_noticed(
    service: Service, user: str, tmp_path: Path, change: Change, said: str
) -> None:
    """What can be stored is, and the exit code is 1."""
    remembered(service, user, ["one", "two", "three"])
    file = tmp_path / "mine"
    run(service.url, "export", "--user", user, "-o", file)
    file.write_bytes(b"\n".join(change(file.read_bytes().splitlines())))

    result = run(service.url, "import", file, "--user", fresh_user())

    assert result.exit_code == 1
    assert said in result.stderr


def test_an_import_goes_on_from_a_line(service: Service, user: str, tmp_path: Path) -> None:
    """The lines before it are passed over."""
    remembered(service, user, ["one", "two"])
    file, other = tmp_path / "mine", fresh_user()
    run(service.url, "export", "--user", user, "-o", file)
    run(service.url, "import", file, "--user", other, "--from-line", "3")

    assert [one["content"] for one in listed(service, other)] == ["two"]


def test_a_service_that_stays_away_is_no_success(user: str, tmp_path: Path) -> None:
    """The command says where it stopped."""
    file = tmp_path / "mine.csv"
    file.write_text("content\ntea\n")
    result = run("http://127.0.0.1:9", "import", file, "--from", "csv", "--user", user)

    assert result.exit_code == 1
    assert "--from-line 1" in result.stderr


def test_somebody_elses_file_goes_in(service: Service, user: str, tmp_path: Path) -> None:
    """By a mapping; what is no memory is named, and the rest stored once, however often."""
    file = tmp_path / "notes.csv"
    file.write_text("id,body,topic,when\na,tea,drinks,2024-05-06\nb,,drinks,2024-05-07\nc,café,places,1715000000\n")
    mapping = [f"--mapping={one}" for one in ("content=body", "created_at=when", "metadata.topic=topic")]

    results = [run(service.url, "import", file, "--from", "csv", *mapping, "--user", user) for _ in range(2)]

    assert [result.exit_code for result in results] == [1, 1]
    assert "line 2: body must be a text that is not blank" in results[0].stderr
    found = listed(service, user)
    assert [(one["content"], one["metadata"]) for one in found] == [
        ("tea", {"topic": "drinks"}),
        ("café", {"topic": "places"}),
    ]
    assert found[0]["created_at"] == "2024-05-06T00:00:00Z"


def test_users_are_told_apart(service: Service, user: str, tmp_path: Path) -> None:
    """A file with several needs the name of one, and then only that one's memories are stored."""
    records = [{"id": name, "memory": f"tea of {name}", "user_id": name} for name in (user, "somebody else")]
    file = tmp_path / "all.json"
    file.write_text(json.dumps({"results": records}))

    unnamed = run(service.url, "import", file, "--from", "mem0")
    named = run(service.url, "import", file, "--from", "mem0", "--user", user)

    assert (unnamed.exit_code, named.exit_code) == (2, 0)
    assert "name one with --user" in unnamed.stderr
    assert [one["content"] for one in listed(service, user)] == [f"tea of {user}"]


@pytest.mark.parametrize("mapping", ["colour=x", "no file"])
def test_a_wrong_mapping_is_refused(tmp_path: Path, mapping: str) -> None:
    """Before anything is sent."""
    (tmp_path / "x.csv").touch()
    result = run("http://127.0.0.1:9", "import", tmp_path / "x.csv", "--from", "csv", "--mapping", mapping)

    assert result.exit_code == 2
