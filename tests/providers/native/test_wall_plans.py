"""What the planner expects of statements behind row-level security."""

import json

from providers.native.engine import open_engine
from providers.native.row_security import RowSecurity
from providers.owners import Owner
from providers.types import NewMemory
from tests.support.native import open_native_provider
from tests.support.postgres import connected
from tests.support.walled import application_role

ACME = Owner("bob", "acme")

_MEMORIES = 100
_LIST = "EXPLAIN (FORMAT JSON) SELECT id FROM ninai_memories WHERE user_id = $1"


async def test_the_policy_is_expected_to_show_all_memories_of_an_owner(database: str) -> None:
    """With half of them the planner may sort all where the first ones along an index are asked for."""
    async with open_native_provider(database) as provider:
        await provider.store_many([NewMemory(owner=ACME, content="tea") for _ in range(_MEMORIES)])
    async with connected(database) as connection:
        await connection.execute("VACUUM ANALYZE ninai_memories")

    expected = []
    async with application_role(database) as application:
        for up in (False, True):
            async with open_engine(database, pool_size=1) as owner, open_engine(application, pool_size=1) as engine:
                await RowSecurity(engine, owner).switch(up=up)
            async with connected(application) as connection:
                [plan] = json.loads(await connection.fetchval(_LIST, ACME.key))
            expected.append(plan["Plan"]["Plan Rows"])

    assert expected[0] == _MEMORIES
    assert expected[1] > 0.9 * _MEMORIES
