"""Workers that share a folder: whoever is asked tells what all have counted, and nothing is counted twice or lost."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

from observability.workers.exchange import ANSWER_SECONDS, Exchange
from observability.workers.figures import encode, figures_of
from observability.workers.folder import Folder

# A worker that has counted to seven, and says when it listens.
_WORKER = """
import asyncio, sys
from pathlib import Path
from prometheus_client import CollectorRegistry, Counter
from observability.workers.exchange import Exchange
async def live():
    registry = CollectorRegistry()
    Counter("things", "Counted.", registry=registry).inc(7)
    async with Exchange(registry, Path(sys.argv[1])).open():
        print("ready", flush=True)
        await asyncio.sleep(60)
asyncio.run(live())
"""


class Worker:
    """A worker in this process."""

    def __init__(self, folder: Path) -> None:
        self.registry = CollectorRegistry()
        self.things = Counter("things", "Counted.", registry=self.registry)
        Gauge("ninai_worker_processes", "One.", registry=self.registry).set(1)
        self.exchange = Exchange(self.registry, folder)

    async def told(self) -> tuple[float | None, float | None]:
        """How many things it tells of, and how many workers."""
        found = await self.exchange.gathered()
        return found.get_sample_value("things_total"), found.get_sample_value("ninai_worker_processes")


@contextlib.asynccontextmanager
async def working(folder: Path) -> AsyncIterator[Worker]:
    """A worker that answers the others."""
    worker = Worker(folder)
    async with worker.exchange.open():
        yield worker


@contextlib.contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A worker of its own, which has counted to seven."""
    command = [sys.executable, "-c", _WORKER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - the test's own
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def files(folder: Path) -> list[Path]:
    """What workers have saved."""
    return sorted(folder.glob("*.figures"))


async def ended(process: subprocess.Popen[str]) -> None:
    """Kill a worker, and wait until it is gone."""
    process.kill()
    await asyncio.to_thread(process.wait)


async def test_every_worker_tells_of_all(tmp_path: Path) -> None:
    """At once, whichever is asked."""
    async with working(tmp_path) as one, working(tmp_path) as other:
        one.things.inc(2)
        other.things.inc(3)

        assert await one.told() == (5, 2)
        other.things.inc()
        assert await other.told() == await one.told() == (6, 2)


async def test_a_folder_may_lie_deep(tmp_path: Path) -> None:
    """The name of a socket may have no more than 107 bytes, a folder's may."""
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    async with working(folder) as one, working(folder):
        assert await one.told() == (0, 2)


async def test_what_a_killed_worker_has_told_stays(tmp_path: Path) -> None:
    """Its counts are told for ever, once; it counts as a worker no longer."""
    async with working(tmp_path) as one, working(tmp_path) as other:
        with another_process(tmp_path) as process:
            assert await one.told() == (7, 2)
            await ended(process)

            assert await one.told() == (7, 2)
            assert await other.told() == (7, 2)
            with another_process(tmp_path) as next_one:
                assert await other.told() == (14, 2)
                await ended(next_one)
            assert await one.told() == (14, 2)
        assert len(files(tmp_path)) == 2


async def test_a_stopped_worker_is_told_as_it_was(tmp_path: Path) -> None:
    """Nobody waits long for it, and it is not taken for dead: it goes on counting later."""
    async with working(tmp_path) as one:
        with another_process(tmp_path) as process:
            await one.told()
            process.send_signal(signal.SIGSTOP)
            loop = asyncio.get_running_loop()
            started = loop.time()

            assert (await one.told())[0] == 7
            assert loop.time() - started < ANSWER_SECONDS + 1
            process.send_signal(signal.SIGCONT)
            assert (await one.told())[0] == 7


async def test_scrapes_at_the_same_time_tell_the_same(tmp_path: Path) -> None:
    """Also while a dead worker is being taken among the departed."""
    async with working(tmp_path) as one, working(tmp_path) as other:
        with another_process(tmp_path) as process:
            await one.told()
            await ended(process)

            told = await asyncio.gather(*(worker.told() for worker in (one, other) * 10))
        assert {things for things, _ in told} == {7}


def test_taking_a_worker_among_the_departed_can_be_broken_off_anywhere(tmp_path: Path) -> None:
    """Whatever of its files is still there, it is counted once."""

    def things() -> float:
        kept = folder.saved(["1-a"])
        families = [family for figures in (*kept.of.values(), kept.departed) for family in figures.families]
        return sum(figure.value for family in families for figure in family.figures if family.name == "things")

    registry = CollectorRegistry()
    Counter("things", "Counted.", registry=registry).inc(7)
    folder = Folder(tmp_path)
    folder.save("1-a", encode(figures_of(registry)))
    seen = [things()]
    folder.retire(["1-a"])
    seen.append(things())
    folder.save("1-a", encode(figures_of(registry)))  # as if it had not been removed
    seen.append(things())
    folder.retire(["1-a"])
    seen.append(things())

    assert seen == [7, 7, 7, 7]
    assert not list(tmp_path.glob("*.figures"))


@pytest.mark.parametrize("spoil", [lambda file: file.write_bytes(b"\x93\x01"), lambda file: file.unlink()])
async def test_spoiled_files_do_no_harm(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    """The others are told."""
    async with working(tmp_path) as one:
        with another_process(tmp_path) as process:
            await one.told()
            await ended(process)
            [file] = [file for file in files(tmp_path) if file.name.startswith(f"{process.pid}-")]
            spoil(file)

            assert await one.told() == (0, 1)


async def test_a_disk_that_takes_nothing_hides_nothing(tmp_path: Path) -> None:
    """What cannot be kept is told all the same."""
    async with working(tmp_path) as one, working(tmp_path) as other:
        other.things.inc(3)
        await one.told()
        for file in files(tmp_path):
            file.unlink()
            file.with_name(f"{file.name}.draft").mkdir()  # where a file would be written

        assert await one.told() == await other.told() == (3, 2)
        assert files(tmp_path) == []
