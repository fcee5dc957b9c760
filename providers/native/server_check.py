"""Embedded servers as they are found: used where a service runs them, run meanwhile where none does, never made."""

from contextlib import ExitStack
from pathlib import Path
from threading import Timer

from providers.examination.aside import aside
from providers.examination.outcome import CheckOutcome, error, ok, skipped, warning
from providers.native.embedded import EmbeddedServer, EmbeddedServerError
from providers.native.embedded.maintenance import ServerState, status_of

# A server that was ended well is there within a second; one that has to recover needs more.
START_SECONDS = 60.0


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
    return _started(EmbeddedServer(folder), stack, advice)


def _started(server: EmbeddedServer, stack: ExitStack, advice: str) -> CheckOutcome:
    """Start it in this thread, with which it ends: in another one it would not outlive the check."""
    too_long = Timer(START_SECONDS, server.interrupt)
    too_long.daemon = True
    too_long.start()
    try:
        stack.enter_context(server.running())
    except EmbeddedServerError as failure:
        return error(str(failure), advice)
    finally:
        too_long.cancel()
    return ok("no service runs it; it was started for these checks alone")
