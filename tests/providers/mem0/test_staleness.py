"""How stale mem0's reads are: what the dialects say, and what a server of one's own shows."""

import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from observability.secret import Secret
from providers.host import Host
from providers.mem0.dialects.platform import UNMEASURED_STALENESS
from providers.mem0.settings import MAX_STALENESS, Mem0Settings
from providers.native.embedded import EmbeddedServer
from providers.owners import Owner
from providers.states.clock import HybridClock
from providers.states.editing import edited, tombstone_of
from providers.types import Edit, PageQuery, RecallQuery
from tests.support.mem0_oss import Mem0Process
from tests.support.postgres import create_database, drop_database
from tests.support.states import MOMENT, live

ROUNDS = 100


def _host() -> Host:
    return Host(name="mem0", data_dir=Path("/nowhere"), metrics=Metrics(CollectorRegistry()), clock=HybridClock())


@pytest.mark.parametrize(
    ("dialect", "seconds"),
    [("oss", 0.0), ("spec", 0.0), ("platform", UNMEASURED_STALENESS), ("auto", UNMEASURED_STALENESS)],
)
async def test_a_dialect_has_its_staleness(dialect: str, seconds: float) -> None:
    """Where it is not known yet which one is spoken, the longest counts."""
    settings = Mem0Settings(base_url="http://127.0.0.1:1", dialect=dialect)  # type: ignore[arg-type] # one of them

    async with settings.open(_host()) as provider:
        assert provider.staleness == seconds


@pytest.mark.parametrize("seconds", [0.0, 1.5, MAX_STALENESS])
async def test_an_operator_knows_better(seconds: float) -> None:
    """What is configured counts, nothing included."""
    settings = Mem0Settings(base_url="http://127.0.0.1:1", dialect="platform", staleness_seconds=seconds)

    async with settings.open(_host()) as provider:
        assert provider.staleness == seconds


@pytest.mark.soak
async def test_a_server_of_ones_own_shows_everything_at_once(postgres_server: EmbeddedServer) -> None:
    """To another process, too: each read right after the answer shows the write, the change or the deletion."""
    dsn = await create_database(postgres_server)
    owner, missed, spent = Owner("kannan"), 0, time.perf_counter()
    async with Mem0Process(dsn, api_key="key") as service:
        settings = Mem0Settings(base_url=service.base_url, api_key=Secret("key"))
        async with settings.open(_host()) as writer, settings.open(_host()) as reader:
            for number in range(ROUNDS):
                state = live(owner.user, f"tea number{number}", version=1_000 + number)
                edit = Edit(owner=owner, memory_id=state.id, content=f"coffee number{number}")
                changed = edited(state, edit, state.version + 1, MOMENT)
                for wanted in (state, changed, tombstone_of(changed, None)):
                    assert await writer.put_many([wanted]) == [None]
                    held = await reader.snapshot(owner, state.id)
                    listed = (await reader.page(PageQuery(owner=owner))).memories
                    found = (await reader.find(RecallQuery(owner=owner, query=f"number{number}"))).memories
                    contents = [] if wanted.deleted else [wanted.content]
                    missed += held != wanted
                    missed += [one.content for one in listed if one.id == state.id] != contents
                    missed += [one.content for one in found if one.id == state.id] != contents
            staleness = writer.staleness
    await drop_database(postgres_server, dsn)

    assert (missed, staleness) == (0, 0.0), f"after {time.perf_counter() - spent:.1f} s"
