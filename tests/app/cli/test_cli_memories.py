"""`ninai remember`, `recall`, `list` and `forget` reach the memories of a user at a running service."""

import json
from collections.abc import Iterator

import httpx
import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.process.service_file import SERVICE_FILE, urls_of_service
from tests.support.postgres import reachable_folder
from tests.support.service import Service, running_service


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A live service, whose data folder is the default one of the commands."""
    with reachable_folder() as folder, running_service(folder) as started:
        (folder / "ninaivalaigal").symlink_to(started.data_dir)
        yield started


def _ninai(service: Service, *arguments: str, typed: str | None = None) -> Result:
    environ = {"XDG_DATA_HOME": str(service.folder), "NINAI_URL": None, "NINAI_API_KEY": None}
    return CliRunner().invoke(main, [*arguments], env=environ, input=typed)


def _told(service: Service, *arguments: str) -> dict[str, object]:
    result = _ninai(service, *arguments, "--json")
    assert result.exit_code == 0, result.output
    told: dict[str, object] = json.loads(result.stdout)
    return told


def test_a_memory_is_remembered_recalled_listed_and_forgotten(service: Service) -> None:
    """For a user in any script, at the service that the data folder names."""
    mine = ("--user", "பிரியா")
    stored = _ninai(
        service, "remember", "A window seat", "--speaker", "Ann", "--metadata", '{"topic": "travel"}', *mine
    )
    memory_id = stored.stdout.strip()
    from_input = _ninai(service, "remember", "-", *mine, typed="Masala tea\nno sugar\n")

    found = _ninai(service, "recall", "which seat", "--where", '{"topic": "travel"}', *mine)
    listed = _ninai(service, "list", "--order", "oldest", *mine)
    others = _ninai(service, "list", "--user", "somebody else")
    text = _ninai(service, "recall", "tea", "--text", "--limit", "1", *mine)

    assert (stored.exit_code, from_input.exit_code) == (0, 0)
    assert found.stdout.split("\n")[0].split() == ["id", "created", "score", "speaker", "content"]
    assert memory_id in found.stdout
    assert "tea" not in found.stdout
    assert listed.stdout.index("A window seat") < listed.stdout.index(r"Masala tea\nno sugar")
    assert others.stdout == "no memories\n"
    assert text.stdout.endswith("Masala tea\n  no sugar\n")

    forgotten = _ninai(service, "forget", memory_id, *mine)
    again = _ninai(service, "forget", memory_id, *mine)

    assert (forgotten.exit_code, forgotten.stdout) == (0, "1 deleted\n")
    assert (again.exit_code, again.stdout.split("\n")[1]) == (1, "0 deleted")
    assert memory_id in again.stdout


def test_a_memory_lives_as_long_as_it_is_told(service: Service) -> None:
    """For so many seconds, from its last reading where it slides; without them it cannot."""
    mine = ("--user", "lives")
    _ninai(service, "remember", "for an hour", "--ttl", "3600", *mine)
    _ninai(service, "remember", "slides", "--ttl", "3600", "--sliding", *mine)
    _ninai(service, "remember", "for ever", *mine)
    refused = _ninai(service, "remember", "tea", "--sliding", *mine)

    listed = httpx.get(f"{service.url}/memory/memories", headers={"X-User-ID": "lives"}).json()["memories"]
    told = {memory["content"]: (memory.get("expires_at"), memory.get("sliding_seconds")) for memory in listed}
    assert told["for ever"] == (None, None)
    assert told["for an hour"][0] is not None
    assert [told[content][1] for content in ("for an hour", "slides")] == [None, 3600]
    assert refused.exit_code == 1
    assert "ttl_seconds" in refused.stderr


def test_a_list_goes_on_over_pages(service: Service) -> None:
    """Up to its limit, and says that there are more; memories that meet conditions are deleted after a question."""
    mine = ("--user", "many", "--session", "run")
    for number in range(3):
        _ninai(service, "remember", f"memory {number}", *mine)

    some = _ninai(service, "list", "--limit", "2", *mine)
    everything = _told(service, "list", "--all", *mine)
    refused = _ninai(service, "forget", *mine, typed="n\n")
    asked = _ninai(service, "forget", *mine, typed="y\n")
    nothing = _ninai(service, "forget", *mine)

    assert some.stdout.strip().endswith("there are more: pass a larger --limit, or --all")
    assert (everything["count"], everything["more"]) == (3, False)
    assert (refused.exit_code, "Delete 3 memories for good?" in refused.stderr) == (1, True)
    assert (asked.exit_code, asked.stdout) == (0, "3 deleted\n")
    assert nothing.stdout == "0 deleted\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["forget"], "name memories, or conditions, or --everything"),
        (["forget", "an id", "--everything"], "name memories, or conditions, or --everything"),
        (["recall", "tea", "--where", "{"], "not JSON"),
        (["recall", "tea", "--where", "[]"], "not an object"),
        (["remember", ""], "422"),
        (["recall", "tea", "--limit", "0"], "limit"),
        (["remember", "tea", "--url", "http://127.0.0.1:1"], "no answer from http://127.0.0.1:1"),
    ],
)
def test_what_is_wrong_is_said(service: Service, arguments: list[str], reason: str) -> None:
    """By the command, or by the service."""
    result = _ninai(service, *arguments)

    assert result.exit_code != 0
    assert reason in result.stderr


def test_a_service_that_has_ended_is_not_believed(service: Service) -> None:
    """What it left behind when it was killed names a port that may be anybody's by now."""
    urls = urls_of_service(service.data_dir)
    assert urls is not None
    assert urls.url == service.url == urls.admin_url
    left = service.folder / "left"
    left.mkdir()
    (left / SERVICE_FILE).write_bytes((service.data_dir / SERVICE_FILE).read_bytes())

    assert urls_of_service(left) is None
    assert urls_of_service(service.folder / "nowhere") is None


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell: str) -> None:
    """By a script that asks the command."""
    result = CliRunner().invoke(main, ["completion", shell])

    assert result.exit_code == 0
    assert "_NINAI_COMPLETE" in result.stdout
