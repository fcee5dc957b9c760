"""A call that is over leaves nothing for the garbage collector, whose pauses all requests would feel."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from tests.providers.chain.scene import USER, Scene, play
from tests.support.chain_rig import route_of


@contextmanager
def collected(found: list[str]) -> Iterator[None]:
    """Gather the names of the project's own types that only the collector could free."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield
        gc.collect()
        found += [type(one).__name__ for one in gc.garbage if type(one).__module__.startswith("providers.")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_no_call_leaves_a_reference_cycle() -> None:
    """Each operation is freed as soon as it is over, timers and deadlines included."""
    found: list[str] = []

    async def act(scene: Scene) -> None:
        await _every_operation(scene)  # which reads what is read once only

        with collected(found):
            await _every_operation(scene)

    play(act)
    assert found == []


def test_a_cycle_would_be_found() -> None:
    """The test above sees an object of the project that refers to itself."""
    found: list[str] = []

    async def act(scene: Scene) -> None:
        with collected(found):
            route = route_of(scene.links.values())
            vars(route)["itself"] = route
            del route

    play(act)
    assert "Route" in found


async def _every_operation(scene: Scene) -> None:
    memory_id = await scene.chain.remember(USER, "tea")
    await scene.chain.recall(USER, "tea")
    await scene.chain.list_memories(USER)
    await scene.chain.update(USER, memory_id, content="coffee")
    await scene.chain.get(USER, memory_id)
    await scene.chain.delete(USER, memory_id)
