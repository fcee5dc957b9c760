"""How statements are planned behind row-level security."""

from providers.filters import Eq
from providers.native.engine import open_engine
from providers.native.listing import walk_statement
from providers.native.row_security import RowSecurity
from providers.owners import Owner
from providers.types import NewMemory, PageQuery
from tests.support.native import open_native_provider
from tests.support.postgres import connected
from tests.support.walled import application_role

ACME = Owner("bob", "acme")

_FARTHEST = 500  # memories along the list


async def test_a_list_is_planned_behind_the_wall_as_without(database: str) -> None:
    """It goes along an index and ends with the page: the policy is expected to show every row."""
    walk = walk_statement(PageQuery(owner=ACME, where=Eq("number", -1)), _FARTHEST)
    async with open_native_provider(database) as provider:
        await provider.store_many(
            [NewMemory(owner=ACME, content="tea", metadata={"number": number}) for number in range(2 * _FARTHEST)]
        )
    async with connected(database) as connection:
        await connection.execute("VACUUM ANALYZE ninai_memories")

    plans = []
    async with application_role(database) as application:
        for up in (False, True):
            async with open_engine(database, pool_size=1) as owner, open_engine(application, pool_size=1) as engine:
                await RowSecurity(engine, owner).switch(up=up)
            async with connected(application) as connection:
                await connection.execute("SET plan_cache_mode = force_generic_plan")
                await connection.execute(f"PREPARE walk AS {walk.text}")
                values = ", ".join("NULL" for _ in walk.values)
                plan = [row[0] for row in await connection.fetch(f"EXPLAIN (COSTS OFF) EXECUTE walk ({values})")]
            plans.append([line.strip() for line in plan if "Sort Key" in line or " Scan" in line])

    assert plans[0] == plans[1]
