"""The database's schema, looked after from the command line."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from click.testing import CliRunner
from sqlalchemy import make_url

from app.cli import main
from providers.native.embedded import EmbeddedServer
from tests.support.postgres import connected, reachable_folder
from tests.support.service import ninai


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account can reach."""
    with reachable_folder() as made:
        yield made


@pytest_asyncio.fixture
async def empty_database(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """The dsn of a database that nothing was ever done to."""
    name = f"empty_{uuid4().hex}"
    async with connected(postgres_server.dsn) as connection:
        await connection.execute(f"CREATE DATABASE {name}")
        yield make_url(postgres_server.dsn).set(database=name).render_as_string(hide_password=False)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.soak
def test_the_schema_is_looked_after_by_hand(empty_database: str) -> None:
    """`ninai db` tells where a schema stands and of which steps it is made, and brings it up, once and again."""
    commands = ["check", "history", "upgrade", "upgrade", "history"]

    behind, pending, upgraded, again, applied = (
        ninai("db", command, DATABASE_URL=empty_database) for command in commands
    )

    steps = [line.split("  ") for line in pending.stdout.splitlines()]
    newest = steps[-1][0]
    assert [one.stderr for one in (behind, pending, upgraded, again, applied)] == [""] * 5
    assert (behind.returncode, behind.stdout) == (1, f"the schema is at nothing yet, this version has {newest}\n")
    assert (upgraded.returncode, upgraded.stdout) == (0, f"the schema is at {newest}\n")
    assert (again.returncode, again.stdout) == (0, f"the schema is at {newest}\n")
    assert {state for _, state, _ in steps} == {"pending"}
    assert applied.stdout == pending.stdout.replace("  pending  ", "  applied  ")


@pytest.mark.soak
def test_the_embedded_schema_is_looked_after_by_hand(folder: Path) -> None:
    """`ninai db` works on the embedded database as well, which it runs meanwhile, and an upgrade makes."""
    data = {"NINAI__DATA_DIR": str(folder / "data")}

    absent, upgraded, current = (ninai("db", command, **data) for command in ("check", "upgrade", "check"))

    newest = upgraded.stdout.removeprefix("the schema is at ").strip()
    assert [one.returncode for one in (absent, upgraded, current)] == [1, 0, 0]
    assert [one.stderr for one in (upgraded, current)] == [""] * 2
    assert absent.stderr.startswith("Error: the embedded server of native has never run")
    assert current.stdout == f"the schema is at {newest}, this version has {newest}\n"


@pytest.mark.thorough
def test_a_schema_out_of_reach_is_told_in_one_line(folder: Path) -> None:
    """Where no database answers, or none is configured, `ninai db` says so and ends with code 1."""
    missing = f"postgresql://ninai@/ninai?host={folder}&port=5432"
    for variables, words in (({"DATABASE_URL": missing}, "database"), ({"MEMORY_PROVIDER": "mock"}, "native")):
        refused = ninai("db", "check", **variables)

        [line] = refused.stderr.splitlines()
        assert (refused.returncode, refused.stdout) == (1, "")
        assert line.startswith("Error: ")
        assert words in line


def test_the_wall_is_raised_and_lowered_by_hand(database: str) -> None:
    """`ninai db wall` says what holds afterwards, as often as it is asked."""
    raised, again, lowered = (
        CliRunner().invoke(main, ["db", "wall", *options], env={"DATABASE_URL": database})
        for options in ([], [], ["--lower"])
    )

    assert [one.stdout for one in (raised, again)] == ["row-level security is on\n"] * 2
    assert (lowered.exit_code, lowered.stdout) == (0, "row-level security is off\n")
