"""Embedded servers as they are found: used where a service runs them, run meanwhile where none does, never made."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread

from providers.examination.aside import aside, call_in
from providers.examination.outcome import CheckOutcome, error, ok, skipped, warning
from providers.native.embedded import EmbeddedServer, EmbeddedServerError
from providers.native.embedded.maintenance import ServerState, status_of

# A server that was only read stops within a second. One that hangs is told to by the kernel when this process ends.
STOP_SECONDS = 3.0


async def server_of(name: str, folder: Path, stack: ExitStack, advice: str) -> CheckOutcome:
    """Run the server of a provider until the stack is closed, if it may.

    Raises:
        OSError: the folder cannot be read by this user.
    """
    status = await aside(lambda: status_of(folder))
    back = f"`ninai db start {name}` brings it back"
    if status.state is ServerState.RUNNING:
        return ok(f"process {status.holder} runs it")
    if status.state is ServerState.STARTING:
        return warning(
            f"process {status.holder} is starting or stopping it", "ask again in a moment, or see its log", blocks=True
        )
    if status.state is ServerState.STOPPED:
        return warning(f"process {status.holder} keeps it down for maintenance", back, blocks=True)
    if status.state is ServerState.ABSENT:
        return skipped(f"it has never run: nothing is in {folder}; the service makes it when it starts")
    if status.marked:
        return warning("no service runs, and it is to stay down with the next one", back, blocks=True)
    return await _started(EmbeddedServer(folder), stack, advice)


async def _started(server: EmbeddedServer, stack: ExitStack, advice: str) -> CheckOutcome:
    """Start it in a thread that lives until the stack is closed: the server ends with the thread that started it."""
    loop = asyncio.get_running_loop()
    begun: asyncio.Future[EmbeddedServerError | None] = loop.create_future()
    closing = Event()

    def told(failure: EmbeddedServerError | None) -> None:
        if not begun.done():
            begun.set_result(failure)

    def run() -> None:
        try:
            with server.running():
                call_in(loop, lambda: told(None))
                closing.wait()
        except EmbeddedServerError as error_of_it:
            failure = error_of_it  # the name in the except clause ends with it
            call_in(loop, lambda: told(failure))

    thread = Thread(target=run, name="examined server", daemon=True)
    stack.callback(thread.join, STOP_SECONDS)
    stack.callback(server.interrupt)
    stack.callback(closing.set)
    thread.start()
    failure = await begun
    if failure is not None:
        return error(str(failure), advice)
    return ok("no service runs it; it was started for these checks alone")
