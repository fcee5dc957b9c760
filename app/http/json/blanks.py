"""Blanks around a part of JSON text, left out without copying the part, with turns of the event loop."""

from app.http.json.structure import WINDOW_BYTES
from providers.timing.turns import Turns

BLANKS = b" \t\r\n"


async def trimmed(text: bytes, begin: int, end: int, turns: Turns) -> tuple[int, int]:
    """Return from where to where a part reaches without its blanks; at each end less than `WINDOW_BYTES` may be left.

    Of a part that is blank no more than `WINDOW_BYTES` are left.
    """
    while end - begin > WINDOW_BYTES and not text[begin : begin + WINDOW_BYTES].lstrip(BLANKS):
        begin += WINDOW_BYTES
        await turns.take()
    while end - begin > WINDOW_BYTES and not text[end - WINDOW_BYTES : end].lstrip(BLANKS):
        end -= WINDOW_BYTES
        await turns.take()
    return begin, end
