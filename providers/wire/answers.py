"""What is read of an answer over HTTP: never more than a bound, and the moment that the server tells with it."""

from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx

from providers.errors import Unavailable


async def content_of(response: httpx.Response, most: int, server: str, *, writes: bool) -> bytes:
    """Return the content of an answer.

    Raises:
        Unavailable: it is longer than `most` bytes.
    """
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > most:
            raise Unavailable(f"{server} answers more than {most} bytes", ambiguous=writes)
    return bytes(content)


def moment_in(headers: httpx.Headers) -> datetime | None:
    """Return what the clock of the server said, None if it did not tell."""
    try:
        moment = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment
