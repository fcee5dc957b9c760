"""An operation waits for a connection as long as its time limit allows."""

from typing import Any

import pytest
from sqlalchemy import Dialect, event

from providers.postgres.engine import CONNECT_TIMEOUT, open_pool
from providers.timing import time_limit

NOWHERE = "postgresql+asyncpg://ninai@127.0.0.1:1/ninai"


class LookedAt(Exception):
    """A connection is about to be made, which is as far as a test has to go."""


async def seconds_to_connect() -> float:
    """Ask a new pool for a connection, and return the time limit of the attempt."""
    told: list[float] = []

    def look(_dialect: Dialect, _entry: object, _arguments: object, named: dict[str, Any]) -> None:
        told.append(named["timeout"])
        raise LookedAt

    async with open_pool(NOWHERE, pool_size=1) as engine:
        event.listen(engine.sync_engine, "do_connect", look)
        with pytest.raises(LookedAt):
            await engine.connect()
    return told[0]


@pytest.mark.parametrize("seconds", [2 * CONNECT_TIMEOUT, 600.0])
async def test_a_long_try_is_not_cut_short_by_a_slow_connection(seconds: float) -> None:
    """An attempt with a long limit waits for a connection as long as for an answer."""
    handed_down = time_limit.hand_down(seconds)
    try:
        told = await seconds_to_connect()
    finally:
        time_limit.ends_at.reset(handed_down)

    assert told > seconds - CONNECT_TIMEOUT / 2


async def test_a_connection_for_nobody_has_a_limit_of_its_own() -> None:
    """A connection that no caller waits for is given up when its server never answers."""
    assert await seconds_to_connect() == CONNECT_TIMEOUT


async def test_a_short_try_ends_its_connection_itself() -> None:
    """The limit of the attempt ends it, because its error explains the end better."""
    handed_down = time_limit.hand_down(0.5)
    try:
        assert await seconds_to_connect() == CONNECT_TIMEOUT
    finally:
        time_limit.ends_at.reset(handed_down)
