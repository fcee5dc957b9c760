"""`ninai journal` looks into the configured journal, whether the service runs or not."""

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from providers.journal.base import Journal
from providers.journal.operations import Dead
from providers.journal.sqlite.settings import SqliteJournalSettings
from providers.journal.sqlite.steps import STEPS
from providers.native.embedded import EmbeddedServer
from tests.providers.journal.rig import LONG, host_in, put, remember, settle
from tests.support.api import ABSENT_ID
from tests.support.postgres import create_database, drop_database

FORMER = Path(__file__).parents[2] / "providers" / "journal" / "former"

T = TypeVar("T")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration of two providers, whose journal is in a file."""
    path = tmp_path / "ninai.toml"
    path.write_text(
        f'order = ["a", "b"]\ndata_dir = "{tmp_path}"\nproviders.a.kind = "mock"\nproviders.b.kind = "mock"\n'
    )
    return path


def ninai(file: Path, *arguments: str, **environ: str) -> Result:
    """Run a command of the journal."""
    return CliRunner().invoke(main, ["--config", str(file), "journal", *arguments], env=environ)


def in_journal(folder: Path, work: Callable[[Journal], Awaitable[T]]) -> T:
    """Do something to the journal in a folder, as the service would."""

    async def run() -> T:
        async with SqliteJournalSettings().open(host_in(folder)) as journal:
            return await work(journal)

    return asyncio.run(run())


async def kill(journal: Journal, error: str = "refused") -> int:
    """Have two operations, of which one is given up at `b`; its number."""
    await journal.join("a", "store of a")
    await journal.join("b", None)
    dead = await put(journal, remember(ABSENT_ID, "private"))
    await put(journal, remember())
    await settle(journal, Dead(seq=dead.seq, provider="b", error=error))
    return dead.seq


async def letters(journal: Journal) -> list[int]:
    """The numbers of the dead letters."""
    return [letter.seq for letter in await journal.dead(10)]


def test_status_tells_what_is_to_be_delivered(file: Path, tmp_path: Path) -> None:
    """One line for the journal, and one for each member."""
    in_journal(tmp_path, kill)

    result = ninai(file, "status")

    first, head, home, standby = result.stdout.splitlines()
    assert (result.exit_code, result.stderr) == (0, "")
    assert first.startswith("journal ")
    assert first.endswith(": 2 operations, 0 of them tombstones, the last number is 2")
    assert head.split() == ["provider", "state", "pending", "dead", "discarded", "oldest"]
    assert home.split()[:4] == ["a", "complete", "2", "0"]
    assert standby.split()[:4] == ["b", "filling", "1", "1"]


def test_the_folder_may_be_named_as_for_the_service(file: Path, tmp_path: Path) -> None:
    """What the service was started with goes before the configured folder, in every command."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    seq = str(in_journal(folder, kill))

    done = [
        ninai(file, *arguments, "--data-dir", str(folder)).exit_code
        for arguments in (["status"], ["pending"], ["dead"], ["retry", seq, "b"], ["discard", seq, "b", "--yes"])
    ]

    assert done == [0, 0, 0, 0, 1]  # what was retried is no dead letter any more
    assert in_journal(folder, letters) == []


def test_status_as_json_says_the_same(file: Path, tmp_path: Path) -> None:
    """Programs read the same numbers."""
    in_journal(tmp_path, kill)

    told: dict[str, Any] = json.loads(ninai(file, "status", "--json").stdout)

    assert (told["operations"], told["tombstones"], told["last_seq"]) == (2, 0, 2)
    assert [(one["provider"], one["pending"], one["dead"]) for one in told["backlogs"]] == [("a", 2, 0), ("b", 1, 1)]
    assert [(one["name"], one["state"]) for one in told["members"]] == [("a", "complete"), ("b", "filling")]


def test_dead_letters_are_listed_without_their_texts(file: Path, tmp_path: Path) -> None:
    """A line tells what was given up, and why; what a terminal would take for a command is written out."""
    seq = in_journal(tmp_path, lambda journal: kill(journal, "too long\x1b[2J"))

    result = ninai(file, "dead")

    head, line = result.stdout.splitlines()
    assert head.split() == ["seq", "provider", "kind", "user", "memory", "failures", "ago", "error"]
    assert line.split()[:6] == [str(seq), "b", "remember", "kannan", ABSENT_ID, "1"]
    assert line.endswith("too long\\x1b[2J")
    assert "private" not in result.stdout


def test_dead_letters_as_json_come_in_pages(file: Path, tmp_path: Path) -> None:
    """`--limit` and `--after` choose which."""
    seq = in_journal(tmp_path, kill)

    shown = [ninai(file, "dead", "--json", *options) for options in ([], ["--limit", "1"], ["--after", str(seq)])]

    assert [[letter["seq"] for letter in json.loads(result.stdout)] for result in shown] == [[seq], [seq], []]


def test_without_dead_letters_that_is_said(file: Path, tmp_path: Path) -> None:
    """An empty table would look like a mistake."""
    in_journal(tmp_path, lambda journal: journal.join("a", None))

    assert ninai(file, "dead").stdout == "no dead letters\n"


def test_what_is_pending_is_listed_without_its_text(file: Path, tmp_path: Path) -> None:
    """A line for each delivery that is still to be made; dead letters are not among them."""
    seq = in_journal(tmp_path, kill)

    everything, to_b = ninai(file, "pending"), ninai(file, "pending", "--provider", "b", "--json")

    head, *lines = everything.stdout.splitlines()
    assert head.split() == ["seq", "provider", "kind", "user", "memory", "failures", "age", "error"]
    assert [line.split()[:3] for line in lines] == [
        [str(seq), "a", "remember"],
        [str(seq + 1), "a", "remember"],
        [str(seq + 1), "b", "remember"],
    ]
    assert [(one["seq"], one["provider"]) for one in json.loads(to_b.stdout)] == [(seq + 1, "b")]
    assert "private" not in everything.stdout


def test_where_nothing_is_pending_that_is_said(file: Path, tmp_path: Path) -> None:
    """As for dead letters."""
    in_journal(tmp_path, lambda journal: journal.join("a", None))

    assert ninai(file, "pending").stdout == "nothing is pending\n"


def test_a_retry_makes_a_letter_due(file: Path, tmp_path: Path) -> None:
    """The deliverer of the service finds it when it runs."""
    seq = in_journal(tmp_path, kill)

    result = ninai(file, "retry", str(seq), "b")

    assert (result.exit_code, result.stdout) == (0, f"operation {seq} is due at b\n")
    assert in_journal(tmp_path, letters) == []
    assert len(in_journal(tmp_path, lambda journal: journal.lease("b", 10, LONG))) == 2


def test_nothing_is_discarded_without_a_yes(file: Path, tmp_path: Path) -> None:
    """What would be lost is told instead, with exit code 2."""
    seq = in_journal(tmp_path, kill)

    result = ninai(file, "discard", str(seq), "b")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1] == (
        f"Error: this discards the remember of memory {ABSENT_ID} of user kannan: b never gets this memory, which"
        " only the journal knows better, until it is merged or written anew; say --yes if that is meant"
    )
    assert in_journal(tmp_path, letters) == [seq]


def test_a_yes_discards(file: Path, tmp_path: Path) -> None:
    """Its provider never gets the operation; that it lacks it stays known."""
    seq = in_journal(tmp_path, kill)

    result = ninai(file, "discard", str(seq), "b", "--yes")

    assert (result.exit_code, result.stdout) == (0, f"operation {seq} is discarded at b\n")
    assert in_journal(tmp_path, letters) == [seq]
    assert "refused (discarded)" in ninai(file, "dead").stdout
    assert ninai(file, "discard", str(seq), "b", "--yes").exit_code == 1
    assert len(in_journal(tmp_path, lambda journal: journal.lease("b", 10, LONG))) == 1


@pytest.mark.parametrize("command", [["retry"], ["discard"], ["discard", "--yes"]])
@pytest.mark.parametrize("place", [["1", "a"], ["2", "b"], ["1", "nobody"], ["9007199254740991", "b"]])
def test_what_is_no_dead_letter_is_exit_code_1(
    file: Path, tmp_path: Path, command: list[str], place: list[str]
) -> None:
    """Nothing such is there, so nothing is done."""
    in_journal(tmp_path, kill)

    result = ninai(file, *command, *place)

    assert result.exit_code == 1
    assert result.stderr == f"Error: operation {place[0]} has no dead letter for {place[1]!r}\n"


@pytest.mark.parametrize(
    "command", [["status"], ["pending"], ["dead"], ["retry", "1", "b"], ["discard", "1", "b", "--yes"]]
)
@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({}, "there is no journal yet: the service makes {}/journal.sqlite3 when it starts"),
        (
            {"NINAI__ORDER": "a"},
            "there is no journal: a single provider needs none (there is nothing at {}/journal.sqlite3)",
        ),
        ({"NINAI__ORDER": "a", "NINAI__JOURNAL__KIND": "none"}, 'there is no journal: journal.kind is "none"'),
    ],
)
def test_where_there_is_no_journal_none_is_made(
    file: Path, tmp_path: Path, command: list[str], variables: dict[str, str], reason: str
) -> None:
    """A command says that there is none, and leaves it at that."""
    result = ninai(file, *command, **variables)

    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {reason.format(tmp_path)}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["ninai.toml"]


def test_what_is_no_journal_is_told_as_such(file: Path, tmp_path: Path) -> None:
    """A file that is something else is left alone."""
    (tmp_path / "journal.sqlite3").write_text("something else, and longer than the head of a database" * 10)

    result = ninai(file, "status")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: journal")
    assert "Traceback" not in result.output


def test_a_journal_that_is_gone_is_told(file: Path) -> None:
    """No start makes another one over the stores of an installation that has had one."""
    never = ninai(file, "status")
    (file.parent / "installation").write_text("ours\n")
    gone = ninai(file, "status")

    assert (never.exit_code, "there is no journal yet: the service makes " in never.stderr) == (1, True)
    assert (gone.exit_code, "the service makes" in gone.stderr) == (1, False)
    assert f"the journal {file.parent / 'journal.sqlite3'} is gone" in gone.stderr
    assert "ninai journal adopt" in gone.stderr


def test_a_wrong_setting_is_exit_code_2(file: Path) -> None:
    """As with every command."""
    assert ninai(file, "status", NINAI__SERVER__PORT="99999").exit_code == 2


def test_the_journal_in_postgresql_is_the_same_to_its_operator(file: Path, postgres_server: EmbeddedServer) -> None:
    """Where the journal is kept makes no difference here: one that was never made is not made to look at it."""
    dsn = asyncio.run(create_database(postgres_server, "template1"))
    journal = {"NINAI__JOURNAL__KIND": "postgres", "NINAI__JOURNAL__DSN": dsn, "NINAI__JOURNAL__TIMEOUT": "10"}

    missing, rehearsed = ninai(file, "status", **journal), ninai(file, "adopt", **journal)
    still_missing = ninai(file, "status", **journal)
    made = ninai(file, "adopt", "--yes", **journal)
    result = ninai(file, "status", **journal)

    assert [outcome.exit_code for outcome in (missing, rehearsed, still_missing, made)] == [1, 2, 1, 0]
    assert missing.stderr == still_missing.stderr
    assert "there is no journal yet" in missing.stderr
    assert "say --yes" in rehearsed.stderr
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0].endswith(": 0 operations, 0 of them tombstones, the last number is 0")
    asyncio.run(drop_database(postgres_server, dsn))


def test_a_former_journal_is_brought_up_to_this_version(file: Path) -> None:
    """By the command, and not again; where there is no journal, none is made."""
    missing = ninai(file, "upgrade")
    assert (missing.exit_code, "there is no journal yet" in missing.output) == (1, True)
    path = file.parent / "journal.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((FORMER / "sqlite_2.sql").read_text("utf-8"))

    upgraded = ninai(file, "upgrade")

    assert upgraded.exit_code == 0
    assert (
        "the tables of journal 0d9f6a51-7c43-4b0e-8f5b-1f2f0a7c9e11 are as this version needs them" in upgraded.output
    )
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT step FROM meta").fetchone() == (len(STEPS),)
