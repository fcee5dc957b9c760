"""`ninai doctor` from outside: what it prints, how it ends, and an embedded server with and without its service."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from providers.examination.outcome import CheckStatus
from providers.native.embedded import EmbeddedServer, folder_of
from providers.native.embedded.maintenance import ServerState, mark, status_of
from tests.app.doctor.examining import WITHOUT_VECTORS, found, wrong
from tests.providers.journal.rig import names_in
from tests.support.postgres import prepare_template, reachable_folder
from tests.support.service import ninai

MOCK = {"MEMORY_PROVIDER": "mock"}


def doctor(*options: str, **environ: str) -> Result:
    """Run the command, in which nothing is asked that lives in this process."""
    return CliRunner().invoke(main, ["doctor", *options], env=environ)


def test_a_table_tells_what_was_found(tmp_path: Path) -> None:
    """A line for each check, and a last one that sums up."""
    result = doctor("--data-dir", str(tmp_path), **MOCK)

    head, *lines, last = result.stdout.splitlines()
    assert (result.exit_code, result.stderr) == (0, "")
    assert head.split() == ["check", "status", "found"]
    assert [line.split()[:2] for line in lines if "space" not in line] == [
        ["config", "ok"],
        ["limits", "ok"],
        ["data_dir", "ok"],
        ["data_dir.installation", "ok"],
        ["providers.mock.health", "ok"],
        ["journal.file", "ok"],
        ["journal", "skipped"],
        ["journal.pending", "skipped"],
        ["journal.dead", "skipped"],
        ["journal.versions", "skipped"],
        ["journal.moment", "skipped"],
    ]
    assert lines[0].endswith("no file, 1 variable, 1 option, defaults")
    assert last.startswith("0 errors, ")


def test_the_same_as_json(tmp_path: Path) -> None:
    """Under the documented names."""
    told: dict[str, Any] = json.loads(doctor("--json", "--data-dir", str(tmp_path), **MOCK).stdout)

    assert told.keys() == {"ok", "findings"}
    assert told["ok"] is True
    assert all(one.keys() == {"name", "status", "found", "advice", "milliseconds"} for one in told["findings"])
    assert told["findings"][0]["name"] == "config"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"NINAI__SERVER__PORT": "99999"}, "$.server.port: expected int <= 65535"),
        ({"NINAI__ADMIN__PORT": "8000"}, "$.admin.port: 8000 is server.port"),
    ],
)
def test_settings_that_cannot_be_used_are_an_error(setting: dict[str, str], words: str) -> None:
    """One value or two that contradict each other: exit code 1, and everything else is skipped."""
    result = doctor(**MOCK, **setting)

    lines = result.stdout.splitlines()
    assert (result.exit_code, result.stderr) == (1, "")
    assert lines[1].split()[:2] == ["config", "error"]
    assert words in lines[1]
    assert [line.split() for line in lines[2:5]] == [
        [name, "skipped", "needs", "config"] for name in ("data_dir", "providers", "journal")
    ]
    assert lines[-2].startswith("config: correct that")
    assert lines[-1] == "1 error, 0 warnings"


def test_a_wrong_command_line_is_exit_code_2() -> None:
    """As with every command."""
    assert doctor("--nothing").exit_code == 2


async def test_a_server_that_never_ran_is_not_made(tmp_path: Path) -> None:
    """That is no mistake: the service makes it when it starts."""
    findings = await found(NINAI__DATA_DIR=str(tmp_path), **WITHOUT_VECTORS)

    assert wrong(findings) == {}
    assert findings["providers.native.server"].status is CheckStatus.SKIPPED
    assert findings["providers.native.server"].found.startswith("it has never run: nothing is in ")
    assert findings["providers.native.database"].found == "needs providers.native.server"
    assert names_in(tmp_path) == []


async def test_a_server_that_cannot_be_started_is_an_error() -> None:
    """What is in its folder is no database; it is told, and left there."""
    with reachable_folder() as data_dir:
        data = folder_of(data_dir, "native") / "data"
        data.mkdir(parents=True)
        findings = await found(NINAI__DATA_DIR=str(data_dir), **WITHOUT_VECTORS)

        assert names_in(data) == []
    assert wrong(findings) == {"providers.native.server": CheckStatus.ERROR}
    assert "is no database of PostgreSQL" in findings["providers.native.server"].found
    assert findings["providers.native.health"].status is CheckStatus.SKIPPED


@pytest.mark.thorough
def test_an_embedded_server_is_found_as_it_is(postgres_server: EmbeddedServer) -> None:
    """Used where somebody runs it, run meanwhile where nobody does, and left alone where it shall stay down."""
    with reachable_folder() as data_dir:
        folder = folder_of(data_dir, "native")
        environ = {
            "NINAI__DATA_DIR": str(data_dir),
            # In another cluster, where nothing is to be said against it.
            "NINAI__JOURNAL__KIND": "postgres",
            "NINAI__JOURNAL__DSN": postgres_server.dsn,
            **WITHOUT_VECTORS,
        }
        with EmbeddedServer(folder).running() as server:
            asyncio.run(prepare_template(server.dsn))
            used = asyncio.run(found(**environ))
        run = ninai("doctor", "--json", **environ)
        state_after = status_of(folder).state
        mark(folder)
        kept_down = asyncio.run(found(**environ))

    assert wrong(used) == {}
    assert used["providers.native.server"].found == f"process {os.getpid()} runs it"
    assert used["providers.native.health"].status is CheckStatus.OK
    assert used["journal.place"].found == "apart from native"
    assert (run.returncode, run.stderr) == (0, "")
    told = {one["name"]: one for one in json.loads(run.stdout)["findings"]}
    assert told["providers.native.server"]["found"] == "no service runs it; it was started for these checks alone"
    assert told["providers.native.health"]["status"] == "ok"
    assert state_after is ServerState.DOWN
    assert wrong(kept_down) == {"providers.native.server": CheckStatus.WARNING}
    assert kept_down["providers.native.server"].advice == "`ninai db start native` brings it back"
