"""The wait for a slow body, in which a request holds nothing: a client that sends slowly takes no room from others."""

import asyncio

from app.http.admission.admitted import Admitted
from observability.http import Message, Receive

# A longer body, or one that does not say its length, holds what was charged for it while it comes: it takes memory.
MAX_BYTES = 64 * 1024
# Most bodies are here already. Were their requests parked, too, others would take their room meanwhile.
SECONDS = 0.1


def may_be_parked(length: int | None) -> bool:
    """Return whether a body of this length is waited for without holding anything."""
    return length is not None and 0 < length <= MAX_BYTES


def parked_while_it_comes(receive: Receive, admitted: Admitted) -> Receive:
    """Return a `receive` that parks the request while its body is not complete, if that takes more than `SECONDS`."""
    complete = False

    async def receive_parked() -> Message:
        nonlocal complete
        if complete:
            return await receive()
        timer = asyncio.get_running_loop().call_later(SECONDS, admitted.park)
        try:
            message = await receive()
        finally:
            timer.cancel()
            admitted.resume()
        complete = not message.get("more_body", False)
        return message

    return receive_parked
