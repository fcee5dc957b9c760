"""Which frames lie between a handler and a provider."""

import asyncio
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.house.made_up import tree_of
from tests.house.stacks import Probe

_HANDLERS = """
async def straight(layer):
    return await layer()

async def through_task(layer):
    return await asyncio.create_task(layer())

async def through_two(layer):
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(through_task(layer))

async def within_time(layer):
    return await asyncio.wait_for(layer(), 30)

async def asking_for_more(event, done):
    event.set()
    await done.wait()
"""


class _Base:
    async def get(self) -> str:
        return await self._read()

    async def _read(self) -> str:
        return "tea"

    def describe(self) -> str:
        return "a store"


class MockMemoryProvider(_Base):
    """The provider that is looked for."""

    async def page(self) -> str:
        """Answer by another method of its own."""
        return await self.get()


def _handlers(root: Path) -> dict[str, Any]:
    tree_of(root, {"app/controllers/some.py": _HANDLERS})
    return runpy.run_path(str(root / "app/controllers/some.py"), {"asyncio": asyncio})


async def _probed(work: Callable[[], Any]) -> Probe:
    with Probe().watching() as probe:
        await work()
    return probe


def _names(probe: Probe) -> list[str]:
    return [code.co_name for code in probe.stack]


async def test_the_handler_and_the_method_are_counted(tmp_path: Path) -> None:
    """Nothing above the one and nothing below the other."""
    straight, provider = _handlers(tmp_path)["straight"], MockMemoryProvider()

    async def layer() -> str:
        return await provider.page()

    probe = await _probed(lambda: straight(layer))

    assert (_names(probe), probe.tasks) == (["straight", "layer", "page"], 0)


async def test_a_method_may_be_inherited(tmp_path: Path) -> None:
    """It counts when it is called on the provider."""
    straight, provider = _handlers(tmp_path)["straight"], MockMemoryProvider()

    assert _names(await _probed(lambda: straight(provider.get))) == ["straight", "get"]
    assert _names(await _probed(lambda: straight(_Base().get))) == []


async def test_neither_private_nor_plain_methods_count(tmp_path: Path) -> None:
    """No call of a provider ends there."""
    straight, provider = _handlers(tmp_path)["straight"], MockMemoryProvider()

    async def layer() -> str:
        return provider.describe() + await provider._read()  # noqa: SLF001 - what shall not be counted

    assert _names(await _probed(lambda: straight(layer))) == []


async def test_a_call_without_a_handler_does_not_count(tmp_path: Path) -> None:
    """The work of a task that no handler made is not what a request goes through."""
    asking, provider = _handlers(tmp_path)["asking_for_more"], MockMemoryProvider()
    asked, done = asyncio.Event(), asyncio.Event()

    async def background() -> None:
        await asked.wait()
        await provider.get()
        done.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(background())
        assert _names(await _probed(lambda: asking(asked, done))) == []


async def test_a_task_continues_the_stack_of_its_maker(tmp_path: Path) -> None:
    """What only makes it is not counted; the tasks are."""
    handlers, provider = _handlers(tmp_path), MockMemoryProvider()

    one = await _probed(lambda: handlers["through_task"](provider.get))
    two = await _probed(lambda: handlers["through_two"](provider.get))

    assert (_names(one), one.tasks) == (["through_task", "get"], 1)
    assert (_names(two), two.tasks) == (["through_two", "through_task", "get"], 2)


async def test_a_library_that_waits_is_counted(tmp_path: Path) -> None:
    """Whoever steps through the call steps through it too."""
    probe = await _probed(lambda: _handlers(tmp_path)["within_time"](MockMemoryProvider().get))

    assert (_names(probe), probe.tasks) == (["within_time", "wait_for", "get"], 1)


async def test_the_first_call_is_kept(tmp_path: Path) -> None:
    """A second one is not looked at."""
    straight, provider = _handlers(tmp_path)["straight"], MockMemoryProvider()

    async def layer() -> None:
        await provider.get()
        await provider.page()

    assert _names(await _probed(lambda: straight(layer))) == ["straight", "layer", "get"]
