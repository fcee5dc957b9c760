"""A provider without a journal is asked within limits, again with the same ids, and once more as a last resort."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from observability import notes
from providers.answers import Answer, Erased, Stored
from providers.chain.breaker_state import BreakerState
from providers.chain.deadline import Shutdown
from providers.chain.errors import BreakerOpen, CutShort
from providers.chain.guarded import GuardedProvider
from providers.errors import Conflict, InvalidInput, MemoryNotFound, SessionLost, TimedOut, Unavailable, Unsupported
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.positions import Position
from providers.states.clock import milliseconds_of
from providers.types import Deletion, Edit, NewMemory, PageQuery
from tests.providers.chain.rig import FOREVER, fail
from tests.providers.chain.stage import USER, Stage, staged
from tests.support.clock import hybrid_clock
from tests.support.frail import FrailProvider

SOME_ID = "0198f0c4-0000-7000-8000-000000000001"
UNSURE = Unavailable("connection lost", ambiguous=True)


async def erase_unheard(provider: FrailProvider, deletion: Deletion) -> Erased:
    """Delete, and lose the answer, this one time."""
    del provider.instead["erase"]
    await MockMemoryProvider.erase(provider, deletion)
    raise UNSURE


class Alone:
    """One provider, guarded."""

    def __init__(self, stage: Stage, store: FrailProvider | None = None, shutdown: Shutdown | None = None) -> None:
        self.store = store or stage.store()
        self.link = stage.link("only", self.store)
        versions = hybrid_clock(stage.clock)
        self.provider = GuardedProvider(self.link, versions, stage.clock, shutdown)

    def state(self) -> BreakerState:
        """Return the state of its breaker."""
        return self.link.attempts.guards.breaker.snapshot().state

    def open_breaker(self) -> None:
        """Let the breaker see enough failures to open."""
        while not self.link.attempts.guards.breaker.refuses():
            fail(self.link.attempts.guards.breaker)


@contextmanager
def request(patience: float | None = None) -> Iterator[notes.Notes]:
    """Yield the notes of a request that lasts as long as the context."""
    noted = notes.Notes("a request")
    noted.patience = patience
    token = notes.current.set(noted)
    try:
        yield noted
    finally:
        notes.current.reset(token)


def test_all_tries_are_one_write() -> None:
    """The second try has the id and the version of the first, so that what was stored unheard is not stored twice."""

    async def main(stage: Stage) -> None:
        alone = Alone(stage)
        alone.store.errors = [UNSURE]
        memory_id = await alone.provider.remember(USER, "a memory")
        first, second = alone.store.minted

        assert first == second
        assert first[0] == memory_id
        assert first[1] is not None
        assert milliseconds_of(first[1]) == int(stage.clock.now * 1000) - 10  # before the wait

    staged(main)


def test_all_tries_are_of_one_moment() -> None:
    """A batch that was not heard of is dated by when it was made, not by when it was tried again; so is one memory."""

    async def main(stage: Stage) -> None:
        alone = Alone(stage)
        moment = datetime.fromtimestamp(stage.clock.now, UTC)
        for ask in (
            lambda: alone.provider.remember(USER, "a memory"),
            lambda: alone.provider.remember_many([NewMemory(owner=Owner(USER), content="a memory")]),
        ):
            alone.store.errors = [UNSURE]
            began = stage.clock.now
            await ask()
            assert stage.clock.now > began
            moment = datetime.fromtimestamp(began, UTC)

            newest, *_ = await alone.provider.list_memories(USER, 1)
            assert newest.created_at == moment

    staged(main)


def test_given_ids_are_kept() -> None:
    """An id and a version from above pass through as they are."""

    async def main(stage: Stage) -> None:
        alone = Alone(stage)
        await alone.provider.remember(USER, "a memory", memory_id=SOME_ID, version=77)

        assert alone.store.minted == [(SOME_ID, 77)]

    staged(main)


def test_every_memory_of_a_batch_gets_an_id_of_its_own() -> None:
    """Ids are minted before the first try for all of them."""

    async def main(stage: Stage) -> None:
        alone = Alone(stage)
        memory_ids = await alone.provider.remember_many([NewMemory(owner=Owner(USER), content=text) for text in "abc"])

        assert [(await alone.provider.get(USER, str(each))).content for each in memory_ids] == ["a", "b", "c"]
        assert len(set(memory_ids)) == 3

    staged(main)


def test_a_deletion_that_was_not_heard_of_is_the_same_again() -> None:
    """The second try finds the memory deleted by the first one, and still tells that there was a memory."""

    async def main(stage: Stage) -> None:
        alone = Alone(stage)
        alone.store.instead["erase"] = erase_unheard
        memory_id = await alone.provider.remember(USER, "a memory")

        assert await alone.provider.delete(USER, memory_id)
        assert not await alone.provider.delete(USER, memory_id)

    staged(main)


def test_an_open_breaker_lets_one_last_try_through() -> None:
    """There is nobody else to ask; if that try succeeds, the breaker closes."""

    async def main(stage: Stage) -> None:
        alone = Alone(stage)
        memory_id = await alone.provider.remember(USER, "a memory")
        alone.open_breaker()
        assert alone.state() is BreakerState.OPEN

        assert (await alone.provider.get(USER, memory_id)).content == "a memory"
        assert alone.state() is BreakerState.CLOSED

    staged(main)


def test_a_last_try_is_one_try() -> None:
    """If it fails as well, its error is told, nothing is tried again, and the breaker stays open."""

    async def main(stage: Stage) -> None:
        alone = Alone(stage)
        alone.open_breaker()
        alone.store.errors = [Unavailable("still down"), Unavailable("never asked")]

        with pytest.raises(Unavailable, match="still down"):
            await alone.provider.remember(USER, "a memory")
        assert len(alone.store.minted) == 1
        assert alone.state() is BreakerState.OPEN

    staged(main)


def test_what_an_operator_has_closed_stays_closed() -> None:
    """A breaker that is forced open lets no last try through."""

    async def main(stage: Stage) -> None:
        alone = Alone(stage)
        alone.link.attempts.guards.breaker.force_open("maintenance")

        with pytest.raises(BreakerOpen, match="maintenance"):
            await alone.provider.remember(USER, "a memory")
        assert alone.store.minted == []

    staged(main)


def test_the_policy_bounds_the_time() -> None:
    """Who never answers is waited for until the deadline, once: a second try could not be quicker."""

    async def main(stage: Stage) -> None:
        alone = Alone(stage)
        alone.store.seconds = FOREVER
        began = stage.clock.now

        with pytest.raises(TimedOut):
            await alone.provider.get(USER, SOME_ID)
        assert stage.clock.now - began == pytest.approx(10.0)
        assert alone.link.attempts.guards.breaker.snapshot().calls == 1

    staged(main)


def test_patience_shortens_the_deadline() -> None:
    """A caller who will wait 50 ms is answered then, and the provider is not blamed."""

    async def main(stage: Stage) -> None:
        alone = Alone(stage)
        alone.store.seconds = FOREVER
        began = stage.clock.now
        with request(patience=0.05), pytest.raises(CutShort):
            await alone.provider.get(USER, SOME_ID)

        assert stage.clock.now - began == pytest.approx(0.05)
        assert alone.link.attempts.guards.breaker.snapshot().failures == 0

    staged(main)


def test_patience_lengthens_the_deadline() -> None:
    """A caller who waits longer than usual is told then."""

    async def main(stage: Stage) -> None:
        alone = Alone(stage)
        alone.store.seconds = FOREVER
        began = stage.clock.now
        with request(patience=25.0), pytest.raises(TimedOut):
            await alone.provider.get(USER, SOME_ID)

        assert stage.clock.now - began == pytest.approx(25.0)

    staged(main)


@pytest.mark.parametrize("page_of", ["only", None])
def test_a_list_goes_on_with_its_provider(page_of: str | None) -> None:
    """A cursor of this provider, or of nobody, gives the next page; that of one that serves no more is refused."""

    async def main(stage: Stage) -> None:
        alone = Alone(stage)
        await alone.provider.remember(USER, "a memory")
        after = Position(datetime.now(UTC), SOME_ID)
        query = PageQuery(owner=Owner(USER), after=after, provider=page_of)
        assert len((await alone.provider.page(query)).memories) == 1

        with pytest.raises(InvalidInput, match="another"):
            await alone.provider.page(replace(query, provider="another"))
        assert len((await alone.provider.page(replace(query, after=None, provider="another"))).memories) == 1

    staged(main)


def test_who_answered_is_noted() -> None:
    """The answer names the provider, also that of each of many and a refusal, alone or in a batch."""

    async def main(stage: Stage) -> None:
        provider = Alone(stage).provider
        memory = NewMemory(owner=Owner(USER), content="a memory")
        stored, [first, second] = await provider.store(memory), await provider.store_many([memory, memory])

        assert {one.provider for one in (stored, first, second) if isinstance(one, Stored)} == {"only"}
        with pytest.raises(MemoryNotFound) as refused:
            await provider.fetch(Owner(USER), SOME_ID)
        assert refused.value.answer == Answer(provider="only")
        [conflict] = await provider.store_many([replace(memory, content="another", memory_id=stored.id)])
        assert isinstance(conflict, Conflict)
        assert conflict.answer == Answer(provider="only")

    staged(main)


def test_who_waits_when_the_process_stops_is_answered_in_time() -> None:
    """A call under way that has 10 s is told no when the process must end, and the provider is not blamed."""

    async def main(stage: Stage) -> None:
        shutdown = Shutdown(stage.clock)
        alone = Alone(stage, shutdown=shutdown)
        alone.store.seconds = FOREVER
        began = stage.clock.now
        asyncio.get_running_loop().call_later(1.0, shutdown.begin, 2.0)

        with pytest.raises(Unavailable):
            await alone.provider.get(USER, SOME_ID)
        assert stage.clock.now - began == pytest.approx(3.0, abs=0.2)

    staged(main)


def test_a_session_is_lost_with_the_journal() -> None:
    """A provider without a journal begins no session: what one has written to a former journal may be missing."""

    async def act(stage: Stage) -> None:
        alone = Alone(stage)
        memory_id = await alone.provider.remember(USER, "tea")
        with request() as noted:
            noted.session = "journal-1.1"
            for asked in (
                alone.provider.get(USER, memory_id),
                alone.provider.list_memories(USER),
                alone.provider.recall(USER, "tea"),
            ):
                with pytest.raises(SessionLost, match="no journal"):
                    await asked
            await alone.provider.delete(USER, memory_id)

    staged(act)


class Careless(FrailProvider):
    """A store whose writes depend on nothing, as those of mem0."""

    @property
    def compares(self) -> bool:
        """See `Replica`."""
        return False


def test_a_store_that_compares_nothing_refuses_writes_over_one_version() -> None:
    """Callers are told before anything is written; a deletion or change of any version is made."""

    async def main(stage: Stage) -> None:
        alone = Alone(stage, Careless(stage.clock))
        stored = await alone.provider.store(NewMemory(owner=Owner(USER), content="tea"))
        edit = Edit(owner=Owner(USER), memory_id=stored.id, content="milk", seen=stored.version)
        deletion = Deletion(owner=Owner(USER), memory_id=stored.id, seen=stored.version)

        for write in (
            lambda: alone.provider.change(edit),
            lambda: alone.provider.change_many([edit]),
            lambda: alone.provider.erase(deletion),
            lambda: alone.provider.erase_many([deletion]),
        ):
            with pytest.raises(Unsupported):
                await write()
        assert (await alone.provider.change(replace(edit, seen=None))).memory.content == "milk"
        assert (await alone.provider.erase(replace(deletion, seen=None))).count == 1

    staged(main)
