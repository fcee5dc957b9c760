"""`ninai backup` and `ninai restore`: complete or not there, verified to the last byte, over nothing else."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.backup.manifest import FORM, MANIFEST
from app.cli import main
from app.process.service_file import ServiceUrls, telling_where
from providers.journal.base import Journal
from providers.journal.operations import Member
from providers.journal.sqlite.settings import SqliteJournalSettings
from tests.providers.journal.rig import host_in, names_in, put, remember
from tests.support.holding import holding

SETTINGS = {
    "NINAI__ORDER": "a,b",
    "NINAI__PROVIDERS__A__KIND": "mock",
    "NINAI__PROVIDERS__B__KIND": "mock",
    "NINAI__JOURNAL__KIND": "sqlite",
}
SMALL = {"installation": "ours\n", "order.json": "{}", "keys.pepper": "p" * 32, "keys.json": '{"keys": {}}'}


def ninai(*arguments: str | Path, **environ: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, [*map(str, arguments)], env=SETTINGS | environ)


def members_of(data_dir: Path) -> dict[str, Member]:
    """Return the members of the journal in a folder."""

    async def run() -> list[Member]:
        async with SqliteJournalSettings().open(host_in(data_dir)) as journal:
            return await journal.members()

    return {member.name: member for member in asyncio.run(run())}


async def begin(journal: Journal) -> None:
    """Have two stores, and an operation that the second has not received."""
    await journal.join("a", "store of a")
    await journal.join("b", "store of b")
    await put(journal, remember())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a journal and the files of a service."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, content in {**SMALL, "console.key": "k" * 32, "service.json": ""}.items():
        (folder / name).write_text(content)

    async def run() -> None:
        async with SqliteJournalSettings().open(host_in(folder)) as journal:
            await begin(journal)

    asyncio.run(run())
    return folder


@pytest.fixture
def copy(data: Path, tmp_path: Path) -> Path:
    """A backup of it."""
    result = ninai("backup", tmp_path / "copy", "--data-dir", data)
    assert (result.exit_code, result.stderr) == (0, "copying the journal\n")
    return tmp_path / "copy"


def test_what_is_restored_is_what_was_backed_up(data: Path, copy: Path, tmp_path: Path) -> None:
    """The files are the same, sessions of the console are over, and the journal believes no store any more."""
    verified = ninai("backup", "verify", copy)
    result = ninai("restore", copy, "--data-dir", tmp_path / "other")

    before, after = members_of(data), members_of(tmp_path / "other")
    assert (verified.exit_code, verified.stdout.splitlines()[1:]) == (
        0,
        ["holds the journal, and files of the service", "not in it: providers.a (mock), providers.b (mock)"],
    )
    assert (result.exit_code, result.stdout.splitlines()[1]) == (
        0,
        "providers.a (mock) is not in the backup: it is taken as it is",
    )
    assert names_in(tmp_path / "other") == sorted([*SMALL, "journal.sqlite3"])
    assert {name: (tmp_path / "other" / name).read_text() for name in SMALL} == SMALL
    assert {(one.epoch, one.noted, one.restored) for one in before.values()} == {(1, 0, False)}
    assert [(one.epoch, one.noted, one.restored) for one in after.values()] == [(2, 1, True), (2, 1, False)]
    assert all((tmp_path / "other" / name).stat().st_mode & 0o777 == 0o600 for name in names_in(tmp_path / "other"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("keys.json", b"{}", "keys.json is not as it was"),
        ("journal.sqlite3", None, "journal.sqlite3 is missing"),
        ("postgres.tar", b"", "postgres.tar does not belong to it"),
        (MANIFEST, b"{}", "manifest.json is damaged"),
        (MANIFEST, None, "is no backup"),
        (
            MANIFEST,
            json.dumps({"form": FORM + 1}).encode(),
            f"has the form {FORM + 1}, and this version of ninai reads",
        ),
    ],
)
def test_a_damaged_backup_is_found_out_and_not_restored(
    copy: Path, tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    """Both commands end with the reason, and nothing is made."""
    if content is None:
        (copy / name).unlink()
    else:
        (copy / name).write_bytes(content)

    for result in (ninai("backup", "verify", copy), ninai("restore", copy, "--data-dir", tmp_path / "other")):
        assert (result.exit_code, words in result.stderr) == (1, True), result.stderr
    assert not (tmp_path / "other").exists()


def test_nothing_is_restored_over_what_is_there(data: Path, copy: Path) -> None:
    """A folder that holds something stays as it is, and a service that runs on it is named."""
    occupied = ninai("restore", copy, "--data-dir", data)
    with telling_where(data, ServiceUrls("http://127.0.0.1:1", "http://127.0.0.1:1")):
        running = ninai("restore", copy, "--data-dir", data)

    assert (occupied.exit_code, occupied.stderr) == (
        1,
        f"Error: {data} is not empty: move it away, or restore to another --data-dir\n",
    )
    assert f"a service runs on {data}, at http://127.0.0.1:1: stop it" in running.stderr
    assert members_of(data)["a"].epoch == 1


def test_a_service_that_still_works_with_a_removed_folder_is_noticed(copy: Path, tmp_path: Path) -> None:
    """It would write on into a journal that nobody finds again."""
    journal = tmp_path / "other" / "journal.sqlite3"
    journal.parent.mkdir()
    with holding(journal) as process:
        shutil.rmtree(journal.parent)
        result = ninai("restore", copy, "--data-dir", tmp_path / "other")

    assert (result.exit_code, f"process {process} still works with a journal" in result.stderr) == (1, True)


def test_a_restore_that_fails_leaves_nothing(copy: Path, tmp_path: Path) -> None:
    """The folder that was empty is empty again, so that the command can be repeated."""
    (tmp_path / "other").mkdir()
    (tmp_path / "file").touch()

    result = ninai(
        "restore", copy, "--data-dir", tmp_path / "other", NINAI__JOURNAL__PATH=str(tmp_path / "file" / "journal")
    )

    assert (result.exit_code, "Traceback" in result.output) == (1, False)
    assert names_in(tmp_path / "other") == []


def test_what_outlived_the_folder_elsewhere_stays(data: Path, copy: Path, tmp_path: Path) -> None:
    """Keys and a journal on another disk are newer than the backup; another journal there is refused."""
    (tmp_path / "keys").write_text("newer")
    (data / "journal.sqlite3").rename(tmp_path / "journal")
    places = {"NINAI__AUTH__KEYS_PATH": str(tmp_path / "keys"), "NINAI__JOURNAL__PATH": str(tmp_path / "journal")}

    kept = ninai("restore", copy, "--data-dir", tmp_path / "other", **places)
    another = ninai(
        "restore", copy, "--data-dir", tmp_path / "third", **places | {"NINAI__JOURNAL__PATH": _another(tmp_path)}
    )

    assert (kept.exit_code, (tmp_path / "keys").read_text()) == (0, "newer")
    assert f"{tmp_path / 'journal'} was still there, and stays as it is" in kept.stdout
    assert names_in(tmp_path / "other") == ["installation", "keys.pepper", "order.json"]
    assert (another.exit_code, "and the backup is of" in another.stderr) == (1, True)


def _another(folder: Path) -> str:
    (folder / "else").mkdir()
    members_of(folder / "else")
    return str(folder / "else" / "journal.sqlite3")


def test_settings_that_would_not_use_all_of_it_are_refused(copy: Path, tmp_path: Path) -> None:
    """A journal that nobody would look into would be lost in silence."""
    result = ninai("restore", copy, "--data-dir", tmp_path / "other", NINAI__ORDER="a", NINAI__JOURNAL__KIND="none")

    assert (result.exit_code, "holds a journal in a file, and the configuration has none" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("target", "words"),
    [("data/copy", "is inside the data folder"), ("copy", "is there already"), ("no/where", "is no folder: make it")],
)
def test_a_place_that_cannot_be_a_backup_is_refused(
    data: Path, copy: Path, tmp_path: Path, target: str, words: str
) -> None:
    """Nothing is overwritten, and no copy would be lost with what it is of."""
    result = ninai("backup", tmp_path / target, "--data-dir", data)

    assert (result.exit_code, words in result.stderr) == (1, True)
    assert names_in(tmp_path) == ["copy", "data"]
    assert (copy / MANIFEST).exists()


def test_where_no_service_has_run_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    """An empty backup would be taken for one."""
    result = ninai("backup", tmp_path / "copy", "--data-dir", tmp_path / "nothing")

    assert (result.exit_code, "no service has run there" in result.stderr) == (1, True)
    assert names_in(tmp_path) == []


def test_a_backup_without_its_journal_is_refused(data: Path, tmp_path: Path) -> None:
    """What was acknowledged may have been in it alone; who has never had a journal, or needs none, loses nothing."""
    (data / "journal.sqlite3").unlink()

    refused = ninai("backup", tmp_path / "copy", "--data-dir", data)
    left = names_in(tmp_path)
    single = ninai("backup", tmp_path / "single", "--data-dir", data, NINAI__ORDER="a", NINAI__JOURNAL__KIND="auto")
    (data / "installation").unlink()
    never = ninai("backup", tmp_path / "never", "--data-dir", data)

    assert (refused.exit_code, left) == (1, ["data"])
    assert refused.stderr == (
        f"Error: the journal {data / 'journal.sqlite3'} is gone, and may have held what the stores lack: stop the"
        " service; then bring that journal back, or begin a new one: `ninai journal adopt`\n"
    )
    assert (single.exit_code, never.exit_code) == (0, 0)


@pytest.mark.parametrize("order", ["a", "a,b"])
@pytest.mark.parametrize("replaced", [True, False])
def test_a_backup_beside_a_service_whose_journal_is_lost_is_refused(
    data: Path, tmp_path: Path, order: str, *, replaced: bool
) -> None:
    """The service has acknowledged what is in the file that it has open, whatever is in its place now."""
    journal = tmp_path / "elsewhere"
    with holding(journal) as process:
        journal.unlink()
        if replaced:
            (data / "journal.sqlite3").rename(journal)
        result = ninai(
            "backup", tmp_path / "copy", "--data-dir", data, NINAI__ORDER=order, NINAI__JOURNAL__PATH=str(journal)
        )

    assert (result.exit_code, f"process {process} still works with a journal that was" in result.stderr) == (1, True)
    assert not (tmp_path / "copy").exists()


def test_a_server_that_the_configuration_does_not_name_is_told_of(data: Path, tmp_path: Path) -> None:
    """So nobody takes a backup without the variables of the service for a whole one."""
    (data / "postgres-spare" / "data").mkdir(parents=True)
    (data / "postgres-binaries-18.4").mkdir()

    result = ninai("backup", tmp_path / "copy", "--data-dir", data)

    missing = f"{data}/postgres-spare, the embedded server of a provider that this configuration does not name"
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [f"not in the backup: {missing}", "copying the journal"]


def test_a_backup_tells_programs_what_it_holds(data: Path, tmp_path: Path) -> None:
    """`--json` prints the manifest."""
    told = json.loads(ninai("backup", tmp_path / "copy", "--json", "--data-dir", data).stdout)

    assert (told["order"], told["servers"], told["installation"]) == (["a", "b"], [], "ours")
    assert set(told["files"]) == {*SMALL, "journal.sqlite3"}
