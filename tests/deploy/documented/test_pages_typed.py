"""What the pages show of a terminal, typed beside a live service: commands, and the answers where pages show them."""

import re
import socket
import time
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from tests.deploy.documented.conftest import Desk
from tests.support.commands import typed
from tests.support.markdown import ROOT
from tests.support.transcripts import Block, Shell, blocks, missing, steps

pytestmark = pytest.mark.thorough

_KEY = re.compile(r"^ +(ninai_\S+)$", re.MULTILINE)


def shown(page: str, beginning: str) -> Block:
    """Return the block of a page whose text begins so."""
    [found] = [block for block in blocks(ROOT / page) if block.text.startswith(beginning)]
    return found


def store(url: str, *contents: str, **common: Any) -> list[str]:  # noqa: ANN401 - fields of a memory
    """Store memories of the default user, and return their ids."""
    memories = [{"content": content, **common} for content in contents]
    answer = httpx.post(f"{url}/memory/remember/batch", json={"memories": memories}, trust_env=False, timeout=60)
    return [result["memory_id"] for result in answer.raise_for_status().json()["results"]]


@pytest.fixture(scope="module")
def desk(opened: Callable[..., Desk]) -> Desk:
    """A terminal beside a service with one PostgreSQL and an audit, and without keys."""
    return opened(NINAI__AUDIT__ENABLED="true")


def test_the_api_page(opened: Callable[..., Desk]) -> None:
    """Recalls with a text and with an explanation, and an error."""
    shell, service = opened()
    store(service.url, "Masala tea, no sugar", created_at="2026-03-01T08:00:00Z")
    store(service.url, "Green tea in the evening", created_at="2026-02-11T08:00:00Z")
    page = "deploy/docs/api.md"
    curl = '$ curl -s http://127.0.0.1:8000/memory/recall -H \'Content-Type: application/json\' -d \'{"query": "tea", '

    shell.follow(shown(page, curl + '"format"'))
    shell.follow(shown(page, curl + '"prefer"'))
    shell.follow(shown(page, curl + '"limit"'))


def test_the_feed_tells_what_the_api_page_shows(opened: Callable[..., Desk]) -> None:
    """A memory that was put, and one that was deleted."""
    shell, service = opened(MEMORY_PROVIDER="native")
    _, gone = store(service.url, "Green tea in the evening", "A mistake")
    httpx.delete(f"{service.url}/memory/memories/{gone}", trust_env=False).raise_for_status()

    shell.follow(shown("deploy/docs/api.md", "$ curl -s 'http://127.0.0.1:8000/memory/changes"))


def test_the_bodies_of_the_api_page(desk: Desk) -> None:
    """A conversation is stored, and a question with conditions answered."""
    _, service = desk
    conversation, question = (one for one in blocks(ROOT / "deploy/docs/api.md") if one.language == "json")

    for path, block in (("remember", conversation), ("recall", question)):
        body = msgspec.json.decode(block.text)
        httpx.post(f"{service.url}/memory/{path}", json=body, trust_env=False).raise_for_status()


def test_the_command_line_for_people(desk: Desk) -> None:
    """Remember, recall, list and forget; the id is that of the memory."""
    shell, service = desk
    block = shown("deploy/docs/clients.md", '$ ninai remember "Priya')
    [made] = store(service.url, "Ann likes the aisle", session="trip-7")
    shell.replaced["01a203e4-5a4f-763f-8849-9a1d5c4214d4"] = made

    shell.follow(block)

    left = httpx.get(f"{service.url}/memory/memories", params={"session": "trip-7"}, trust_env=False).json()
    assert left["count"] == 0


@pytest.mark.parametrize("page", ["deploy/docs/clients.md", "app/client/python/README.md"])
def test_the_examples_in_python(desk: Desk, page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As a program of their own that finds what it has stored; the key is left out, since the service has none."""
    _, service = desk
    [example] = [one.text for one in blocks(ROOT / page) if one.language == "python"]

    exec(example.replace("http://127.0.0.1:8000", service.url).replace('key="ninai_...", ', ""), {})  # noqa: S102 - ours

    assert "Priya prefers a window seat" in capsys.readouterr().out


def test_the_accountability_page(desk: Desk) -> None:
    """The mode is set, shown and set back; the audit is searched and verified, and its lines have the fields shown."""
    shell, service = desk
    page = "deploy/docs/accountability.md"
    (shell.folder / "service.log").write_text(service.said(), "utf-8")
    [known] = store(service.url, "The audit has ids, and no texts")
    httpx.get(f"{service.url}/memory/memories/{known}", trust_env=False).raise_for_status()

    shell.follow(shown(page, "$ ninai mode read-only"))
    shell.follow(shown(page, "$ ninai audit search --caller agent --since 2h"))

    files = sorted((service.data_dir / "audit").glob("*"))
    entries = [msgspec.json.decode(line) for file in files for line in file.read_bytes().splitlines()]
    example = msgspec.json.decode(re.sub(r"\n", "", shown(page, '{"seq"').text))
    assert set(example) <= set[str]().union(*entries)


def test_out_and_in(desk: Desk) -> None:
    """An export of 412 memories and 3 deletions, an import of it, and one of a table."""
    shell, service = desk
    page = "deploy/docs/portability.md"
    alice = {"X-User-ID": "alice"}
    with httpx.Client(base_url=service.url, headers=alice, trust_env=False, timeout=60) as http:
        many = [{"content": f"Note {number}"} for number in range(415)]
        results = http.post("/memory/remember/batch", json={"memories": many}).raise_for_status().json()["results"]
        for result in results[:3]:
            http.delete(f"/memory/memories/{result['memory_id']}").raise_for_status()
    shell.replaced["https://memories.example.org --key-file key"] = service.url
    (shell.folder / "notes.csv").write_text("body,when,topic\nTea at four,2026-01-02T16:00:00Z,tea\n", "utf-8")

    shell.follow(shown(page, "$ ninai export"))
    shell.follow(shown(page, "$ ninai import notes.csv"))


def test_the_keys_page(opened: Callable[..., Desk]) -> None:
    """Keys are made, used, rotated and listed; one of a person reads what the team knows."""
    settings = {"NINAI__AUTH__MODE": "api_key", "NINAI__TENANTS__ENABLED": "true"}
    page = "deploy/docs/keys.md"
    begin = shown(page, "$ export NINAI__AUTH__MODE")
    assert typed(begin.text)[0] == "export " + " ".join(f"{name}={value}" for name, value in settings.items())

    said = list[str]()

    def make_keys(shell: Shell) -> None:
        data = shell.environment["NINAI__DATA_DIR"]
        shell.replaced |= {"/home/me/.local/share/ninaivalaigal": data, "db1": socket.gethostname()}
        said.extend(_answer(shell, step.command, step.expected) for step in list(steps(begin.text))[1:-1])

    shell, service = opened(make_keys, **settings)
    shell.environment |= {"ACME": _KEY.findall(said[0])[0]}
    shell.follow(shown(page, "$ curl -s http://127.0.0.1:8000/memory/memories -H"))
    rotate = list(steps(shown(page, "$ ninai keys rotate").text))
    _answer(shell, rotate[0].command, rotate[0].expected)
    assert re.search(r"acme-agent +acme +memory +any +rotating until", shell.run(rotate[1].command))

    made = shown(page, "$ ninai keys new sales-bot")
    sales, anna = (_KEY.findall(shell.run(step.command))[0] for step in steps(made.text))
    time.sleep(1.5)
    told = {"content": "The offsite is on the sales budget"}
    httpx.post(
        f"{service.url}/memory/remember", json=told, headers={"X-API-Key": sales}, trust_env=False
    ).raise_for_status()
    shell.environment |= {"ANNA": anna}
    shell.follow(shown(page, "$ curl -s http://127.0.0.1:8000/memory/recall -H"))


def _answer(shell: Shell, command: str, expected: tuple[str, ...]) -> str:
    said = shell.run(command)
    assert missing(tuple(map(shell.typed, expected)), said) == [], f"{command}\n{said}"
    return said


def test_a_backup_and_its_drill(desk: Desk) -> None:
    """A backup of the running host is made, verified, and restored beside it."""
    shell, _ = desk
    page = "deploy/docs/backup.md"
    backups = shell.folder / "backups"
    backups.mkdir(mode=0o700)
    shell.replaced |= {"/srv/backups": str(backups), "/srv/drill": str(shell.folder / "drill")}
    made = "\n".join(step.command for step in steps(shown(page, "$ ninai backup /srv/backups/monday").text))

    said = shell.run(made)

    assert "copying the embedded server of native" in said
    assert said.count("by ninai") == 2
    verify, restore, _serve, _ask, remove = steps(shown(page, "$ ninai backup verify").text)
    shell.run(verify.command)
    assert "restored to" in shell.run(restore.command)
    shell.run(remove.command)
    assert not (shell.folder / "drill").exists()


def runbook_commands() -> list[str]:
    """Return each command that a runbook has an operator type first, once; not what asks a receiver or a Redis."""
    pages = sorted((ROOT / "deploy" / "runbooks").glob("Ninai*.md"))
    commands = {step.command for page in pages for block in blocks(page) for step in steps(block.text)}
    return sorted(command for command in commands if not re.match(r"ninai webhooks|redis-cli", command))


def test_what_runbooks_have_an_operator_type_first(opened: Callable[..., Desk]) -> None:
    """Beside a chain of two, in which everything is well: each command answers, and no address is unknown."""
    shell, service = opened(NINAI__ORDER="native,second", NINAI__PROVIDERS__SECOND__KIND="native")
    shell.run("ninai providers --watch")
    shell.replaced |= {"diff native mem0": "diff native second", "NAME": "second", "/var/lib/ninaivalaigal": "."}

    for command in runbook_commands():
        said = shell.run(re.sub(r"^curl -s", "curl -sf", command))
        assert said.strip() or "dead" in command or "pending" in command, command
    assert "Traceback" not in service.said()
