"""`ninai db distribute` says what it would do, does it once, and refuses where there is no Citus."""

import asyncio

from click.testing import CliRunner, Result

from app.cli import main
from tests.support.fake_citus import install, said_to


def distribute(dsn: str, *options: str) -> Result:
    """Run the command for a database."""
    return CliRunner().invoke(main, ["db", "distribute", *options], env={"DATABASE_URL": dsn})


def test_plain_postgres_is_refused_in_one_line(database: str) -> None:
    """With the reason, and nothing to be done about it."""
    refused = distribute(database)

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == (
        "Error: this is plain PostgreSQL: the extension citus is not in this database, and there is nothing to"
        " distribute memories to; all works as it is\n"
    )


def test_what_would_be_done_is_printed_and_not_done(database: str) -> None:
    """As statements that an operator can read, and make by hand."""
    asyncio.run(install(database))
    planned = distribute(database, "--dry-run")

    lines = planned.stdout.splitlines()
    assert (planned.exit_code, planned.stderr) == (0, "")
    assert lines[:2] == [
        "-- make ninai_memories a table that can be distributed; writes wait meanwhile",
        "LOCK TABLE ninai_memories IN ACCESS EXCLUSIVE MODE;",
    ]
    assert "SELECT create_distributed_table('ninai_memories', 'user_id');" in lines
    assert lines[-1].startswith("note: ")
    assert asyncio.run(said_to(database)) == []


def test_a_database_is_distributed_with_progress_and_only_once(database: str) -> None:
    """Each step is told as it begins; a second time nothing is left."""
    asyncio.run(install(database))
    first, second = distribute(database), distribute(database)

    assert (first.exit_code, second.exit_code) == (0, 0)
    steps = [line.split("  ")[-1] for line in first.stdout.splitlines() if " s  " in line]
    assert steps == [
        "make ninai_memories a table that can be distributed; writes wait meanwhile",
        "empty ninai_history, which nothing looks after in a distributed database",
        "bring the functions to all nodes",
        "distribute ninai_history by user_id",
        "distribute ninai_memories by user_id",
        "tell all nodes of the small tables, which stay at the coordinator",
    ]
    for told in (first, second):
        assert "the memories are distributed: nothing is left to do" in told.stdout.splitlines()
    assert not [line for line in second.stdout.splitlines() if " s  " in line]
