"""A store that is put back while a process is still looking at it takes one mark twice, and is found out by that."""

import asyncio
from collections.abc import Callable

from providers.chain.chain import Chain
from providers.chain.stores.registrar import Registrar
from providers.chain.stores.watch import StoreWatch
from providers.introduction import StoreMark
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.types import Snapshot
from tests.providers.chain.stage import FILL_SECONDS, USER, Stage, staged
from tests.providers.chain.stores.test_rollback import MARKED, OWNER, Copy, two
from tests.support.chain_rig import INSTALLATION
from tests.support.frail import FrailProvider

_SOON = 0.05  # seconds


class _SlowLook:
    """A look of another process, which has heard who the store is and waits for what it reads back."""

    def __init__(self, stage: Stage, store: FrailProvider) -> None:
        self._waiting, self._answer = asyncio.Event(), asyncio.Event()
        store.instead["snapshot"] = self._snapshot
        watch = StoreWatch(Registrar(stage.journal, INSTALLATION, wall=stage.clock), stage.journal, stage.clock)
        self._look = asyncio.ensure_future(watch.look(stage.link("home", store)))

    async def begun(self) -> None:
        """Wait until it reads back."""
        await self._waiting.wait()

    async def ended(self) -> None:
        """Let it go on to its end."""
        self._answer.set()
        await self._look

    async def _snapshot(self, store: FrailProvider, owner: Owner, memory_id: str) -> Snapshot | None:
        if not self._waiting.is_set():
            self._waiting.set()
            await self._answer.wait()
        return await MockMemoryProvider.snapshot(store, owner, memory_id)


def _mark_before_the_next_note(chain: Chain, store: FrailProvider) -> None:
    """Have a third look leave the mark after the next one, before whoever leaves the next one can note it."""

    async def leave_mark(store: FrailProvider, mark: StoreMark, former: StoreMark | None) -> bool:
        del store.instead["leave_mark"]
        left = await MockMemoryProvider.leave_mark(store, mark, former)
        await _next_mark(chain, store, mark)
        return left

    store.instead["leave_mark"] = leave_mark


async def _next_mark(chain: Chain, store: FrailProvider, former: StoreMark | None) -> None:
    assert chain.membership is not None
    while (await store.introduce()).mark == former:
        chain.membership.watch.mark_anew("home")
        await asyncio.sleep(_SOON)


def test_what_was_lost_between_two_marks_of_one_number_comes_back() -> None:
    """The mark of the slow process is the one that the journal knows, as if nothing had happened."""
    _found_out()


def test_a_third_look_does_not_hide_what_was_lost() -> None:
    """It leaves and notes the mark after the one that was left twice, before that one can be noted in vain."""
    _found_out(_mark_before_the_next_note)


def test_a_mark_that_is_noted_after_the_next_one_is_no_loss() -> None:
    """The number is lower than the one that is noted, and still was left once."""

    async def main(stage: Stage) -> None:
        chain, home, _ = await two(stage)
        await chain.provider.remember(USER, "stored before")
        await asyncio.sleep(MARKED)
        look = _SlowLook(stage, home)
        await look.begun()

        _mark_before_the_next_note(chain, home)
        await look.ended()
        await asyncio.sleep(2 * FILL_SECONDS)

        member = await stage.member("home")
        assert member is not None
        assert (member.epoch, member.restored) == (1, False)

    staged(main)


def _found_out(meanwhile: Callable[[Chain, FrailProvider], None] = lambda _chain, _home: None) -> None:
    """Put home back during a slow look, so that a mark is left twice, and see that the loss is found and mended."""

    async def main(stage: Stage) -> None:
        chain, home, standby = await two(stage)
        await chain.provider.remember(USER, "stored before")
        await asyncio.sleep(MARKED)
        copy, former = await Copy.of(home), (await home.introduce()).mark
        look = _SlowLook(stage, home)
        await look.begun()
        kept = await chain.provider.remember(USER, "stored later")
        await _next_mark(chain, home, former)
        await stage.journal.prune(0.0)

        copy.put_back(home)
        meanwhile(chain, home)
        await look.ended()
        member = await stage.member("home")
        assert member is not None
        assert (member.epoch, member.restored) == (2, True)
        await asyncio.sleep(2 * FILL_SECONDS)
        assert await stage.complete() == {"home", "standby"}
        found = await home.snapshot(OWNER, kept)
        assert found is not None
        assert found == await standby.snapshot(OWNER, kept)

    staged(main)
