"""Work in the background outlives a bug, and tells of it."""

import asyncio

from structlog.testing import capture_logs

from observability import notes
from observability.notes import Notes
from providers import background
from providers.background import AGAIN_SECONDS
from providers.timing import time_limit
from tests.support.clock import FakeClock, simulate


class Work:
    """Work that has a bug whenever it is begun, until it has been begun so often."""

    def __init__(self, bugs: int) -> None:
        self.begun = 0
        self.ended = False
        self._bugs = bugs

    async def run(self) -> None:
        """Do it."""
        self.begun += 1
        if self.begun <= self._bugs:
            raise ValueError("a bug")
        self.ended = True


def test_what_shall_go_on_begins_anew_after_a_bug() -> None:
    """Each bug is told, and has its pause."""

    async def main(clock: FakeClock) -> None:
        work, began = Work(bugs=3), clock()
        with capture_logs() as logs:
            await background.start(work.run, "the work")

        assert (work.begun, work.ended) == (4, True)
        assert clock() - began == 3 * AGAIN_SECONDS
        assert [(log["event"], log["task"]) for log in logs] == [("background_task_failed", "the work")] * 3

    simulate(main)


def test_what_comes_to_an_end_tells_of_its_bug() -> None:
    """It is not begun again, and whoever waits for it sees how it ended."""

    async def main(clock: FakeClock) -> None:  # noqa: ARG001 - the time does not matter
        work = Work(bugs=1)
        with capture_logs() as logs:
            [error] = await asyncio.gather(background.start_once(work.run(), "the work"), return_exceptions=True)
            await asyncio.sleep(AGAIN_SECONDS)

        assert isinstance(error, ValueError)
        assert work.begun == 1
        assert [(log["event"], log["task"]) for log in logs] == [("background_task_failed", "the work")]

    simulate(main)


def test_stopping_ends_it() -> None:
    """Also while it waits for its next beginning; nobody is told, since that is no bug."""

    async def main(clock: FakeClock) -> None:  # noqa: ARG001 - the time does not matter
        work = Work(bugs=1)
        task = background.start(work.run, "the work")
        await asyncio.sleep(AGAIN_SECONDS / 2)
        with capture_logs() as logs:
            await background.stop(task)

        assert (task.cancelled(), work.begun, logs) == (True, 1, [])

    simulate(main)


def test_it_belongs_to_no_request() -> None:
    """What a request has begun and others need logs nothing in its name."""

    async def main(clock: FakeClock) -> None:  # noqa: ARG001 - the time does not matter
        seen: list[Notes | None] = []

        async def look() -> None:
            seen.append(notes.current.get())

        notes.current.set(Notes("a request"))
        await background.start(look, "for ever")
        await background.start_once(look(), "once")

        assert seen == [None, None]

    simulate(main)


def test_work_is_not_bound_by_the_time_of_whoever_began_it() -> None:
    """It goes on when the try during which it was begun has long ended."""

    async def main(_clock: FakeClock) -> None:
        left: list[float] = []

        async def work() -> None:
            left.append(time_limit.seconds_left(otherwise=15.0))

        handed_down = time_limit.hand_down(1.0)
        for task in (background.start(work, "goes on"), background.start_once(work(), "ends")):
            await task
        time_limit.ends_at.reset(handed_down)
        assert left == [15.0, 15.0]

    simulate(main)
