"""`ninai webhooks` shows and tries webhooks, and decides about their dead letters, beside the service."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.webhooks.notes import HookLetter, HookPlace, HookState, letters_of, note, place_of
from providers.journal.sqlite.settings import SqliteJournalSettings
from tests.providers.journal.rig import host_in
from tests.support.webhook_receiver import SECRET, Receiver, running_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that takes everything unless it is told otherwise."""
    with running_receiver() as running:
        yield running


@pytest.fixture
def file(tmp_path: Path, receiver: Receiver) -> Path:
    """A configuration with one webhook, that has given up two changes and stopped because of a 410."""
    path = tmp_path / "ninai.toml"
    path.write_text(
        f'order = ["a", "b"]\ndata_dir = "{tmp_path}"\nproviders.a.kind = "mock"\nproviders.b.kind = "mock"\n'
        f'[webhooks.crm]\nurl = "{receiver.url}"\nsecret = "{SECRET}"\n'
    )

    async def given_up() -> None:
        async with SqliteJournalSettings().open(host_in(tmp_path)) as journal:
            position = (await journal.changes(None, 1)).position
            letters = [HookLetter(seq, "anna", f"m{seq}", 10, "the answer is 500", position.at) for seq in (3, 5)]
            await note(journal, "crm", HookPlace(position, HookState.GONE, "the answer is 410"), *letters)

    asyncio.run(given_up())
    return path


def ninai(file: Path, *arguments: str) -> Result:
    """Run a command about webhooks."""
    return CliRunner().invoke(main, ["--config", str(file), "webhooks", *arguments])


def noted(file: Path) -> tuple[HookState, list[tuple[int, bool]]]:
    """Return the state of the webhook, and its letters with whether each is due."""

    async def read() -> tuple[HookState, list[tuple[int, bool]]]:
        async with SqliteJournalSettings().open(host_in(file.parent)) as journal:
            letters = await letters_of(journal, "crm")
            return (await place_of(journal, "crm")).state, [(one.seq, one.due) for one in letters]

    return asyncio.run(read())


def test_webhooks_are_listed_with_what_they_gave_up(file: Path) -> None:
    """In words and as JSON; the secret is in neither."""
    words, raw = ninai(file, "list"), ninai(file, "list", "--json")

    [report] = json.loads(raw.stdout)
    assert (report["name"], report["state"], len(report["dead"])) == ("crm", "gone", 2)
    assert "the answer is 410" in words.stdout
    assert "m5" in words.stdout
    assert SECRET not in words.stdout + raw.stdout


def test_a_webhook_is_tried(file: Path, receiver: Receiver) -> None:
    """With a signed message of a type of its own, and exit code 1 if it is not taken."""
    taken = ninai(file, "test", "crm")
    receiver.answers = [500]
    refused = ninai(file, "test", "crm")

    assert (taken.exit_code, taken.stdout) == (0, "crm: taken\n")
    assert (refused.exit_code, "the answer is 500" in refused.stderr) == (1, True)
    assert receiver.told == [("webhook.test", None)]


def test_letters_are_sent_again(file: Path) -> None:
    """One by its number, then all; and what was gone goes on."""
    one = ninai(file, "retry", "crm", "5")
    after = noted(file)
    every = ninai(file, "retry", "crm")

    assert (one.stdout, after) == ("crm: 1 dead letters are due\n", (HookState.SENDING, [(3, False), (5, True)]))
    assert (every.stdout, noted(file)[1]) == ("crm: 2 dead letters are due\n", [(3, True), (5, True)])


def test_letters_are_discarded_if_that_is_meant(file: Path) -> None:
    """Without --yes the command says how much would be lost."""
    asked = ninai(file, "discard", "crm")
    done = ninai(file, "discard", "crm", "3", "--yes")

    assert (asked.exit_code, "2 changes would never be told" in asked.stderr) == (2, True)
    assert (done.stdout, noted(file)[1]) == ("crm: 1 dead letters are discarded\n", [(5, False)])


@pytest.mark.parametrize("command", ["test", "retry", "discard"])
def test_an_unknown_webhook_is_named(file: Path, command: str) -> None:
    """With those that are configured."""
    result = ninai(file, command, "erp")

    assert result.exit_code == 2
    assert "'erp'" in result.stderr
    assert "crm" in result.stderr
