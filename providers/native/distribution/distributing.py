"""Making the steps that distribute a database, one after the other, each planned from what the database tells then."""

from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from providers.errors import Misconfigured
from providers.migrations import Distributing, DistributionStep
from providers.native.distribution.facts import DatabaseLayout
from providers.native.distribution.reading import layout_of
from providers.native.distribution.steps import advice_for, steps_for

MOST_STEPS = 50  # far beyond what any layout needs

# Several changes of one distributed table in a transaction need that its shards are changed one after the other.
SEQUENTIAL = "SET LOCAL citus.multi_shard_modify_mode = 'sequential'"


class Distribution:
    """The distribution of a database; its statements run as the role of the engine, which owns the tables."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def layout(self) -> DatabaseLayout:
        """Look at the database."""
        async with self._engine.connect() as connection:
            return await layout_of(connection)

    async def plan(self) -> Distributing:
        """Return what is still to be done, and what should be set otherwise.

        Raises:
            Misconfigured: the database cannot be distributed as it is.
        """
        layout = await self.layout()
        return Distributing(steps=tuple(steps_for(layout)), advice=tuple(advice_for(layout)))

    async def make(self, begins: Callable[[DistributionStep], None]) -> Distributing:
        """Make all steps, each after it `begins`; return the plan that is left, which has none.

        A step that was broken off is planned anew the next time.

        Raises:
            Misconfigured: the database cannot be distributed as it is, or a step has changed nothing.
        """
        made: list[DistributionStep] = []
        while (plan := await self.plan()).steps:
            step = plan.steps[0]
            if step in made or len(made) > MOST_STEPS:
                raise Misconfigured(f"this has changed nothing: {step.title}")
            begins(step)
            async with self._engine.connect() as connection:
                await (_in_one_transaction if step.whole else _one_by_one)(connection, step)
            made.append(step)
        return plan


async def _in_one_transaction(plain: AsyncConnection, step: DistributionStep) -> None:
    connection = await plain.execution_options(isolation_level="READ COMMITTED")
    async with connection.begin():
        await connection.execute(text(SEQUENTIAL))
        for statement in step.statements:
            await connection.exec_driver_sql(statement)


async def _one_by_one(connection: AsyncConnection, step: DistributionStep) -> None:
    for statement in step.statements:
        await connection.exec_driver_sql(statement)
