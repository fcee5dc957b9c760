"""Former programs, which know no erasures, go on with a journal in PostgreSQL after some."""

import pytest

from providers.owners import Owner
from providers.states.codec import encode
from tests.providers.journal.postgres_rig import opened
from tests.providers.journal.rig import USER, remember, update
from tests.providers.journal.test_contract_erasures import OTHER, erased
from tests.support.postgres import connected

ARRAYS = """$1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bytea[], $7::text[],
    ARRAY['home', NULL, NULL, 'home']::text[], ARRAY[60, 0, 0, 60]::float8[]"""
DELETED = "deleted"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("function", "more", "ends"),
    [("append", "", ""), ("append_lent", "", "until"), ("append_leased", "NULL, NULL", "until")],
)
async def test_a_former_program_takes_an_erased_memory_for_a_deleted_one(
    database: str, function: str, more: str, ends: str
) -> None:
    """Each function that one calls answers as it always did, and what others wrote in the same call is appended."""
    operations = [
        remember("theirs", user=OTHER),
        remember("m", version=10),
        update("k", "tea", base=1, version=2),
        remember("more", user=OTHER),
    ]
    states = [one.state for one in operations]
    async with opened(database) as journal, connected(database) as former:
        await journal.join("home", None)
        await erased(journal, 10)

        rows = await former.fetch(
            f"SELECT * FROM ninai_journal_{function}({', '.join(filter(None, (ARRAYS, more)))}) ORDER BY place",  # noqa: S608 - constants
            [one.kind for one in operations],
            [state.user_id for state in states],
            [state.id for state in states],
            [state.version for state in states],
            [one.base_version for one in operations],
            [state.digest for state in states],
            [encode(state) for state in states],
        )

        assert [(row["place"], row["outcome"]) for row in rows] == [
            (1, "appended"),
            (2, DELETED),
            (3, DELETED),
            (4, "appended"),
        ]
        assert [row["known_seq"] is None for row in rows] == [False, True, True, False]
        assert not ends or [row[ends] is None for row in rows] == [False, True, True, False]
        assert [(row["pending"], row["known_kind"]) for row in (rows[0], rows[3])] == [(["home"], "remember")] * 2
        assert await journal.newest(Owner(USER), "m") is None
        assert await journal.newest(Owner(OTHER), "theirs") is not None
        assert await journal.lease("home", 10, 1) == []
