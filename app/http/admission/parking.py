"""The wait for a body, in which a request holds nothing: a client that sends slowly takes no room from others."""

from app.http.admission.admitted import Admitted
from observability.http import Message, Receive

# A longer body, or one that does not say its length, holds what was charged for it while it comes: it takes memory.
MAX_BYTES = 64 * 1024


def may_be_parked(length: int | None) -> bool:
    """Return whether a body of this length is waited for without holding anything."""
    return length is not None and 0 < length <= MAX_BYTES


def parked_while_it_comes(receive: Receive, admitted: Admitted) -> Receive:
    """Return a `receive` that parks the request until its body is complete."""
    complete = False

    async def receive_parked() -> Message:
        nonlocal complete
        if complete:
            return await receive()
        units = admitted.park()
        try:
            message = await receive()
        finally:
            admitted.resume(units)
        complete = not message.get("more_body", False)
        return message

    return receive_parked
