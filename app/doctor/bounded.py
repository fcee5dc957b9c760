"""Work in an event loop of its own, which is left behind where it does not end."""

import asyncio
from collections.abc import Callable, Coroutine
from threading import Thread


def run_bounded(work: Callable[[], Coroutine[None, None, None]], seconds: float) -> bool:
    """Run `work` to its end and close its loop, for at most so many seconds; return whether that has ended.

    Cancelling reaches neither what blocks the loop nor a thread that the loop waits for, such as one that looks up a
    name. What `work` raises is raised here.
    """
    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as failure:  # noqa: BLE001 - raised in the caller's thread
            failures.append(failure)

    thread = Thread(target=run, name="bounded", daemon=True)
    thread.start()
    thread.join(seconds)
    if failures:
        raise failures[0]
    return not thread.is_alive()
