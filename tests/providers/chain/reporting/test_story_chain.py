"""The story of a whole chain, played in simulated time."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from providers.base import MemoryProvider
from providers.chain.chain import Chain
from providers.chain.describing import describe
from providers.chain.reporting.events import LogEvents
from providers.chain.reporting.reporter import Reporter
from providers.errors import Unavailable
from providers.journal.operations import MemberState
from tests.providers.chain.stage import USER, Stage, staged
from tests.support.frail import FrailProvider


class Played:
    """A chain of `a` and `b`, both complete, whose story is told."""

    def __init__(self, stage: Stage) -> None:
        self.a, self.b = stage.store(), stage.store()
        self.stage = stage
        self.story = stage.observer = Reporter(LogEvents(stage.clock))
        self.chain = stage.chain()
        self.memory_id = ""

    async def start(self) -> "Played":
        """Put the order in force."""
        for name, store in (("a", self.a), ("b", self.b)):
            await self.stage.journal.join(name, f"{await FrailProvider.identity(store)}" if not store.down else None)
            await self.stage.journal.mark(name, MemberState.COMPLETE)
        await self.chain.switch([self.stage.part("a", self.a), self.stage.part("b", self.b)])
        self.memory_id = await self.chain.provider.remember(USER, "a memory")
        await asyncio.sleep(10)  # until everybody has it
        return self

    async def read(self, seconds: float) -> None:
        """Read twice a second for so long, and have a look every five, as the service does."""
        for number in range(int(2 * seconds)):
            await _read(self.chain.provider, self.memory_id)
            if number % 10 == 0:
                self.story.look(await describe(self.chain))
            await asyncio.sleep(0.5)


async def _read(provider: MemoryProvider, memory_id: str) -> None:
    with suppress(Unavailable):
        await provider.get(USER, memory_id)


def of(logs: Sequence[EventDict], *left_out: str) -> list[tuple[str, Any]]:
    """The events, each with its provider."""
    return [(line["event"], line["provider"]) for line in logs if "provider" in line and line["event"] not in left_out]


@pytest.mark.thorough
def test_an_outage_of_a_quarter_of_an_hour_is_a_dozen_lines() -> None:
    """In their order, although hundreds of reads were made meanwhile."""

    async def main(stage: Stage) -> list[EventDict]:
        played = await Played(stage).start()
        with capture_logs() as logs:
            await played.read(10)
            played.a.down = True
            await played.read(900)
            played.a.down = False
            await played.read(120)
        return logs

    logs = staged(main)
    reopened = ("breaker_half_open", "breaker_opened")
    assert of(logs, *reopened, "fences_not_compared") == [
        ("provider_lost", "a"),
        ("reads_moved", "b"),
        ("provider_answers_again", "a"),
        ("breaker_closed", "a"),
        ("reads_moved_back", "a"),
    ]
    assert 2 <= len([line for line in logs if line["event"] in reopened]) <= 16
    lost, moved = (next(line for line in logs if line["event"] == event) for event in ("provider_lost", "reads_moved"))
    assert (lost["reason"], lost["reads"], lost["writes"]) == ("down", "b", "accepted")
    assert moved["instead_of"] == "a"
    assert 900 <= logs[-1]["seconds"] <= 1_000


def test_a_home_that_hangs_is_lost_by_its_breaker() -> None:
    """Timeouts alone say nothing of it: the breaker asks it for next to nothing first, and gets no answer either."""

    async def main(stage: Stage) -> list[EventDict]:
        played = await Played(stage).start()
        with capture_logs() as logs:
            played.a.seconds = 600.0
            await played.read(30)
            played.a.seconds = 0.0
            await played.read(120)
        return logs

    logs = staged(main)
    assert list(dict.fromkeys(of(logs))) == [
        ("reads_moved", "b"),
        ("provider_lost", "a"),
        ("breaker_opened", "a"),
        ("breaker_half_open", "a"),
        ("provider_answers_again", "a"),
        ("breaker_closed", "a"),
        ("reads_moved_back", "a"),
    ]
    moved, lost = logs[:2]
    assert (moved["reason"], lost["reads"]) == ("slow", "b")
    assert "did not answer a probe either" in lost["reason"]


def test_a_start_without_home() -> None:
    """It says who does not answer and who does instead; and when it does, that reads are back."""

    async def main(stage: Stage) -> list[EventDict]:
        played = Played(stage)
        played.a.down = True
        with capture_logs() as logs:
            await played.start()
            await played.read(20)
            played.a.down = False
            await played.read(20)
        return logs

    logs = [line for line in staged(main) if "provider" in line]
    told = list(dict.fromkeys(of(logs)))
    # Nothing is asked of a store that has not said who it is, so that no breaker learns anything.
    assert told == [("provider_not_reached", "a"), ("provider_answers_again", "a"), ("reads_moved_back", "a")]
    assert (logs[0]["reason"], logs[0]["reads"], logs[0]["writes"]) == ("down", "b", "stored")


def test_a_single_provider_has_a_story_too() -> None:
    """Without a journal nothing is served meanwhile."""

    async def main(stage: Stage) -> list[EventDict]:
        store = stage.store()
        stage.observer = Reporter(LogEvents(stage.clock))
        chain: Chain = stage.chain(journal=False)
        await chain.switch([stage.part("a", store)])
        memory_id = await chain.provider.remember(USER, "a memory")
        with capture_logs() as logs:
            for down in (False, True, False):
                store.down = down
                for _ in range(20):
                    await _read(chain.provider, memory_id)
                    await asyncio.sleep(1.0)
        return logs

    logs = staged(main)
    assert list({line["event"]: None for line in logs}) == [
        "provider_lost",
        "breaker_opened",
        "breaker_half_open",
        "provider_answers_again",
        "breaker_closed",
    ]
    assert (logs[0]["reads"], logs[0]["writes"]) == (None, "refused")
