"""The refusal of what is too much: an answer that is made once and for all, so that it costs next to nothing."""

from math import ceil

import msgspec

from app.http.problems import MEDIA_TYPE, OVERLOADED, Problem, RequestError, urn
from observability.http import Message, Send

# The longest that anybody is asked to stay away; by then much may have changed.
MOST_SECONDS = 30
_DETAIL = "The service has more work than it can do now; nothing of this request was done."

_BODY = msgspec.json.encode(
    Problem(type=urn(OVERLOADED), title=OVERLOADED.title, status=OVERLOADED.status, detail=_DETAIL)
)
_HEADERS = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(_BODY)).encode())]
_HEADERS_AFTER = [[*_HEADERS, (b"retry-after", str(seconds).encode())] for seconds in range(MOST_SECONDS + 1)]


class ReturnTimes:
    """Tell those that are refused when to come back: when what was refused before them can have been done.

    So the later ones are asked to stay away longer, and do not all come back at one moment.
    """

    def __init__(self) -> None:
        self._owed = self._at = 0.0

    def after(self, units: float, rate: float, now: float) -> int:
        """Count a refusal of so many units; return the whole seconds for `Retry-After`, `rate` is in units a second."""
        self._owed = max(0.0, self._owed - (now - self._at) * rate) + units
        self._at = now
        return max(1, min(MOST_SECONDS, ceil(self._owed / rate))) if rate else 1


async def refuse(send: Send, seconds: int, *, body: bool) -> None:
    """Answer 503 with `Retry-After`; without a body to HEAD."""
    start: Message = {"type": "http.response.start", "status": OVERLOADED.status, "headers": _HEADERS_AFTER[seconds]}
    await send(start)
    await send({"type": "http.response.body", "body": _BODY if body else b""})


def refusal(seconds: int) -> RequestError:
    """Return the same as an error, for a request that is refused later."""
    return RequestError(OVERLOADED, _DETAIL, headers={"Retry-After": str(seconds)})
