"""`ninai providers test` takes one provider through every operation, and leaves nothing behind."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main
from providers.native.embedded import EmbeddedServer, folder_of
from providers.native.embedded.maintenance import mark
from tests.app.cli.trying import CANARY, OPERATIONS, ninai, outcomes, report, tried
from tests.support.native import HashingEmbedder, open_native_provider
from tests.support.postgres import connected, reachable_folder
from tests.support.service import running_service

MOCK = {"NINAI__ORDER": "mock", "NINAI__PROVIDERS__MOCK__KIND": "mock"}


def test_a_table_tells_of_every_operation() -> None:
    """A line for each with its outcome and its time; below, that all is well and that nothing is left."""
    result = ninai("test", "mock", **MOCK)

    head, *lines = [line.split() for line in result.stdout.splitlines()[:-2]]
    well, nothing_left = result.stdout.splitlines()[-2:]
    assert (result.exit_code, result.stderr) == (0, "")
    assert head == ["operation", "outcome", "ms"]
    assert [" ".join(line[:-2]) for line in lines] == OPERATIONS
    assert {line[-2] for line in lines} == {"ok"}
    assert all(float(line[-1]) >= 0 for line in lines)
    assert well == "mock does all that it should"
    assert nothing_left.startswith("no memories of the user ninai-test-")


def test_json_says_the_same() -> None:
    """Programs get the steps, the failures and the user."""
    result = ninai("test", "mock", "--json", **MOCK)

    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert list(told) == ["provider", "kind", "ok", "dialect", "steps", "failures", "user", "left_behind"]
    assert (told["provider"], told["kind"], told["ok"], told["dialect"]) == ("mock", "mock", True, None)
    assert [list(step) for step in told["steps"]] == [["operation", "outcome", "milliseconds", "error"]] * len(
        OPERATIONS
    )
    assert outcomes(told) == dict.fromkeys(OPERATIONS, "ok")
    assert (told["failures"], told["left_behind"]) == ([], None)


async def test_a_real_database_keeps_every_promise_and_no_memory(database: str) -> None:
    """Over PostgreSQL all is well, the embedder included, and of the user there are tombstones alone."""
    told = await report("pg", NINAI__PROVIDERS__PG__KIND="native", NINAI__PROVIDERS__PG__DSN=database)

    async with connected(database) as connection:
        left = await connection.fetch("SELECT content FROM ninai_memories WHERE user_id = $1", told["user"])
    assert told["ok"] is True
    assert outcomes(told) == dict.fromkeys(["embed", *OPERATIONS], "ok")
    assert [row["content"] for row in left] == [None, None, None]


async def test_memories_of_others_are_left_as_they_are(database: str) -> None:
    """The command embeds with what is configured for it, but not for the service, whose embedder may be another."""
    async with open_native_provider(database, HashingEmbedder()) as provider:
        await provider.remember("anna", "tea")

    assert (await tried("native", DATABASE_URL=database)).exit_code == 0
    async with connected(database) as connection:
        models = await connection.fetch("SELECT embedding_model FROM ninai_memories WHERE user_id = 'anna'")
    assert [row["embedding_model"] for row in models] == ["test/hashing"]


@pytest.mark.soak
def test_an_embedded_server_runs_for_as_long_as_it_takes() -> None:
    """A running service's is used, without a service its own is started, and one that is kept down says so."""
    with reachable_folder() as folder:
        data = folder / "data"
        with running_service(folder):
            beside = ninai("test", "native", "--data-dir", str(data))
        alone = ninai("test", "native", "--data-dir", str(data))
        with EmbeddedServer(folder_of(data, "native")).held():
            mark(folder_of(data, "native"))
            stopped = ninai("test", "native", "--data-dir", str(data))

    assert (beside.exit_code, alone.exit_code, stopped.exit_code) == (0, 0, 1)
    assert stopped.stderr == "Error: the embedded server of native is stopped: run `ninai db start native`\n"


async def test_an_embedder_that_fails_is_told(database: str) -> None:
    """The provider itself would store without vectors and say nothing."""
    result = await tried(
        "native", DATABASE_URL=database, OPENAI_API_KEY=CANARY, OPENAI_BASE_URL="http://127.0.0.1:1/v1"
    )

    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert [line.split()[:2] for line in lines[1:3]] == [["embed", "unavailable"], ["open", "ok"]]
    assert lines[-2] == "  look at providers.native.embedder; without it memories are found by their words alone"
    assert CANARY not in result.output


@pytest.mark.parametrize("password", [CANARY, f"[{CANARY}", f"[{CANARY}]"])
def test_no_password_is_shown(password: str) -> None:
    """A database that cannot be reached is told without the DSN, in words and as JSON."""
    variables = {"DATABASE_URL": f"postgres://u:{password}@127.0.0.1:1/d"}
    for options in ([], ["--json"]):
        result = ninai("test", "native", *options, **variables)

        assert result.exit_code == 1
        assert "cannot reach the database" in result.stdout
        assert CANARY not in result.output


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mok", 'provider "mok" is not configured, did you mean "mock"? configured: "mock", "other"'),
        ("zzz", 'provider "zzz" is not configured, expected one of "mock", "other"'),
    ],
)
def test_an_unknown_name_is_bad_usage(name: str, said: str) -> None:
    """Exit code 2, with the name that is meant and all there are."""
    result = ninai("test", name, **MOCK, NINAI__PROVIDERS__OTHER__KIND="mock")

    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"Error: {said}\n")


def test_the_file_may_be_named_on_either_side(tmp_path: Path) -> None:
    """`--config` stands before the command as ever, or behind the name; what is wrong in the file is exit code 2."""
    file = tmp_path / "ninai.toml"
    file.write_text('order = ["a"]\nproviders.a.kind = "mock"\n')
    before = CliRunner().invoke(main, ["--config", str(file), "providers", "test", "a"])
    behind = ninai("test", "a", "--config", str(file))
    file.write_text('order = ["a"]\nproviders.a.kind = "mok"\n')

    assert (before.exit_code, behind.exit_code) == (0, 0)
    assert ninai("test", "a", "--config", str(file)).exit_code == 2


def test_an_option_of_the_other_command_is_refused() -> None:
    """It would do nothing there."""
    result = ninai("--json", "test", "mock", **MOCK)

    assert result.exit_code == 2
    assert "--json does not apply to test, or belongs after it" in result.stderr
