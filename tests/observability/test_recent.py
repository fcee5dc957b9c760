"""What is dear is made once at a time and shared: never two at once, never an old one, and nobody waits for ever."""

import asyncio

import pytest

from observability import notes
from observability.notes import Notes
from observability.recent import SHARED_SECONDS, NotReadyInTime, Recent
from tests.support.clock import FakeClock, simulate

ALMOST = 0.001  # seconds
PATIENCE = 10.0


class Maker:
    """Makes numbers, each in so many seconds; knows how many it has begun, and how many at a time."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.begun = 0
        self.at_once = 0
        self.most_at_once = 0
        self.fails = False
        self.notes: Notes | None = None

    async def make(self) -> int:
        """Make the next number."""
        self.begun += 1
        number = self.begun
        self.notes = notes.current.get()
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.at_once -= 1
        if self.fails:
            raise ValueError(number)
        return number


def test_who_asks_meanwhile_waits_for_the_same() -> None:
    """However many they are, one is made."""

    async def main(_clock: FakeClock) -> None:
        maker = Maker(0.5)
        recent = Recent(maker.make, "number")

        assert await asyncio.gather(*(recent.get(PATIENCE) for _ in range(100))) == [1] * 100
        assert maker.begun == 1

    simulate(main)


def test_one_is_shared_for_a_second_from_its_beginning() -> None:
    """And no longer: whoever asks then has another made."""

    async def main(clock: FakeClock) -> None:
        maker = Maker(0.25)
        recent = Recent(maker.make, "number")
        first = await recent.get(PATIENCE)
        clock.pass_by(SHARED_SECONDS - 0.25 - ALMOST)
        second = await recent.get(PATIENCE)
        clock.pass_by(ALMOST)
        third = await recent.get(PATIENCE)

        assert [first, second, third] == [1, 1, 2]

    simulate(main)


def test_nobody_gets_one_that_was_begun_long_ago() -> None:
    """Who comes more than a second after its beginning gets the next, which is begun when this one has ended."""

    async def main(_clock: FakeClock) -> None:
        maker = Maker(3.0)
        recent = Recent(maker.make, "number")
        early = [asyncio.create_task(recent.get(PATIENCE))]
        await asyncio.sleep(SHARED_SECONDS - ALMOST)
        early.append(asyncio.create_task(recent.get(PATIENCE)))
        await asyncio.sleep(2 * ALMOST)
        late = [asyncio.create_task(recent.get(PATIENCE)) for _ in range(10)]

        assert await asyncio.gather(*early) == [1, 1]
        assert await asyncio.gather(*late) == [2] * 10
        assert maker.most_at_once == 1

    simulate(main)


def test_who_runs_out_of_patience_leaves_it_to_the_others() -> None:
    """It is told how long it has been at it; it goes on, and nothing is begun beside it."""

    async def main(_clock: FakeClock) -> None:
        maker = Maker(3.0)
        recent = Recent(maker.make, "number")
        patient = asyncio.create_task(recent.get(PATIENCE))
        with pytest.raises(NotReadyInTime, match=r"no answer for 2\.0 s"):
            await recent.get(2.0)

        assert await patient == 1
        assert maker.begun == 1

    simulate(main)


def test_who_is_cancelled_leaves_it_to_the_others() -> None:
    """Also who has had it begun: it is no piece of that one's request, and knows nothing of it."""

    async def main(_clock: FakeClock) -> None:
        maker = Maker(1.0)
        recent = Recent(maker.make, "number")
        notes.current.set(Notes("request"))
        first = asyncio.create_task(recent.get(PATIENCE))
        await asyncio.sleep(ALMOST)
        other = asyncio.create_task(recent.get(PATIENCE))
        await asyncio.sleep(ALMOST)
        first.cancel()

        assert await other == 1
        assert (maker.begun, maker.notes) == (1, None)

    simulate(main)


def test_an_error_is_shared_as_well() -> None:
    """What fails is not tried for everybody who asks; after a second it is tried again."""

    async def main(clock: FakeClock) -> None:
        maker = Maker()
        maker.fails = True
        recent = Recent(maker.make, "number")
        for _ in range(3):
            with pytest.raises(ValueError, match="1"):
                await recent.get(PATIENCE)
        clock.pass_by(SHARED_SECONDS)
        maker.fails = False

        assert await recent.get(PATIENCE) == 2

    simulate(main)


def test_what_is_outdated_is_made_anew() -> None:
    """Without waiting for the second to pass."""

    async def main(_clock: FakeClock) -> None:
        recent = Recent(Maker().make, "number")
        first = await recent.get(PATIENCE)
        recent.forget()

        assert [first, await recent.get(PATIENCE), await recent.get(PATIENCE)] == [1, 2, 2]

    simulate(main)


def test_what_is_broken_off_at_the_end_is_gone() -> None:
    """Nothing is left running."""

    async def main(_clock: FakeClock) -> None:
        maker = Maker(100.0)
        recent = Recent(maker.make, "number")
        recent.begun()
        await asyncio.sleep(ALMOST)
        await recent.aclose()

        assert (maker.begun, maker.at_once) == (1, 0)

    simulate(main)
