"""A former program that knows no superseded versions goes on with a journal that has some."""

import sqlite3
from contextlib import closing
from pathlib import Path

from msgspec.structs import replace

from providers.journal.operations import Operation
from providers.journal.postgres import append_function, append_leased_function
from providers.journal.postgres import steps as postgres_steps
from providers.journal.sqlite import steps as sqlite_steps
from providers.journal.sqlite.opening import open_file
from providers.states.codec import encode
from tests.providers.journal.postgres_rig import opened as opened_postgres
from tests.providers.journal.rig import USER, delete, leased, put, remember, update
from tests.providers.journal.test_contract_superseded import changed_twice, keeping, versions
from tests.providers.journal.test_former_tables import a_former_file, opened
from tests.providers.journal.test_steps import transaction
from tests.support.postgres import connected

TITLE = "superseded versions"


def replace_as_former(former: sqlite3.Connection, operation: Operation) -> None:
    """Replace what is known of a memory, as a former program does it: by the tables that it knows."""
    state = operation.state
    former.execute("BEGIN IMMEDIATE")
    [[seq]] = former.execute("SELECT seq FROM operations WHERE memory_id = ?", (state.id,))
    former.execute("DELETE FROM deliveries WHERE user_id = ? AND seq = ?", (USER, seq)).fetchall()
    former.execute("DELETE FROM operations WHERE seq = ?", (seq,))
    [[new]] = former.execute(
        """INSERT INTO operations (user_id, memory_id, kind, version, appended_at, trace, state)
        VALUES (?, ?, ?, ?, 0, 0, ?) RETURNING seq""",
        (USER, state.id, operation.kind, state.version, encode(state)),
    ).fetchall()
    former.executemany(
        "INSERT INTO deliveries (user_id, seq, provider, due_at, made_at) VALUES (?, ?, ?, 0, 0)",
        [(USER, new, name) for (name,) in former.execute("SELECT name FROM members")],
    )
    former.execute("COMMIT")


async def test_a_former_program_goes_on_with_the_file(tmp_path: Path) -> None:
    """What it replaces itself is in no history; what it deletes is erased from the history all the same."""
    path = tmp_path / "journal"
    async with opened(path) as journal:
        await journal.join("standby", None)
        await changed_twice(await keeping(journal))
        with closing(sqlite3.connect(path, isolation_level=None)) as former:
            replace_as_former(former, update("m", "water", base=3, version=4))
            assert versions(await leased(journal, "standby")) == [(1, True), (2, True), (4, False)]

            replace_as_former(former, delete("m", version=5))

            assert versions(await leased(journal, "standby")) == [(5, False)]
            assert (await journal.status()).backlogs[0].pending == 1
            assert former.execute("SELECT count(*) FROM superseded").fetchone() == (0,)


async def test_a_state_in_former_columns_is_superseded_as_a_text(tmp_path: Path) -> None:
    """A row that a former program has written is delivered as any other."""
    path = tmp_path / "journal"
    a_former_file(path)
    async with opened(path) as journal:
        change = update("live", "coffee", base=1, version=2)
        of_the_row = replace(change.state, digest=b"\x00")  # an edit keeps the digest of what it edits
        await put(await keeping(journal, "home"), replace(change, state=of_the_row))

        found = await leased(journal, "home")
        assert versions(found) == [(1, True), (2, False)]
        assert [one.state.content for one in found if one.superseded] == ["tea"]


async def test_a_former_program_keeps_versions_in_tables(database: str) -> None:
    """It calls the function in the database, which knows them."""
    call = """SELECT outcome FROM ninai_journal_append_lent(
        ARRAY[$1], ARRAY[$2], ARRAY[$3], ARRAY[$4]::bigint[], ARRAY[$5]::bigint[], ARRAY['']::bytea[], ARRAY[$6],
        ARRAY[NULL]::text[], ARRAY[0]::float8[]
    )"""
    async with opened_postgres(database) as journal, connected(database) as former:
        await journal.join("standby", None)
        await put(await keeping(journal), remember("m"))
        changed, gone = update("m", "coffee"), delete("m")
        arguments = [
            (one.kind, USER, "m", one.state.version, one.base_version, encode(one.state)) for one in (changed, gone)
        ]
        assert await former.fetchval(call, *arguments[0]) == "appended"
        assert versions(await leased(journal, "standby")) == [(1, True), (2, False)]

        assert await former.fetchval(call, *arguments[1]) == "appended"

        assert versions(await leased(journal, "standby")) == [(3, False)]
        assert (await journal.status()).backlogs[0].pending == 1


def test_a_file_of_the_steps_before_is_upgraded(tmp_path: Path) -> None:
    """Its members keep no history until their stores say so."""
    path = tmp_path / "journal"
    open_file(path, lambda: 0.0).close()
    before = sqlite_steps.STEPS[: [step.title for step in sqlite_steps.STEPS].index(TITLE)]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO members (name, state, joined_at) VALUES ('home', 'complete', 0)")
        connection.executescript("""
            DROP TRIGGER erase_superseded; DROP TABLE superseded; ALTER TABLE members DROP COLUMN keeps_history;
            ALTER TABLE members DROP COLUMN ours; ALTER TABLE meta DROP COLUMN patrolled;
            ALTER TABLE meta DROP COLUMN quarantines; DROP TABLE webhooks;
            DROP TABLE fences; DROP TABLE fence_keys; DROP TABLE erasures
        """)
        connection.execute("UPDATE meta SET step = ?", (len(before),))

    open_file(path, lambda: 0.0).close()

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT keeps_history FROM members").fetchall() == [(0,)]
        assert connection.execute("SELECT count(*) FROM superseded").fetchone() == (0,)


async def test_tables_of_the_steps_before_are_upgraded(database: str) -> None:
    """Their functions are replaced by those that know superseded versions."""
    before = postgres_steps.STEPS[: [step.title for step in postgres_steps.STEPS].index(TITLE)]
    functions = (
        append_function.CREATE_APPEND,
        append_leased_function.CREATE_APPEND_LEASED,
        append_function.CREATE_FORMER_APPEND,
        append_leased_function.CREATE_FORMER_APPEND_LEASED,
    )
    async with transaction(database) as connection:
        await postgres_steps.upgrade(connection, before)
        for function in functions:  # they were created by the step before
            await connection.exec_driver_sql(function)

    async with opened_postgres(database) as journal:
        await journal.join("standby", None)
        await changed_twice(await keeping(journal))
        assert versions(await leased(journal, "standby")) == [(1, True), (2, True), (3, False)]
