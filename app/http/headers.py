"""Memory headers: the conditions that a caller sets for an answer, and what the answer says of itself."""

import re
from typing import Any, Literal

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Headers

from app.http.preferences import PREFER_HEADER, wait_of
from observability.notes import Notes, current
from providers.answers import Written
from providers.errors import InvalidInput

TIMEOUT_HEADER = "X-Request-Timeout-Ms"
MAX_TIMEOUT_MS = 600_000
SESSION_HEADER = "Memory-Session"
MAX_SESSION_CHARS = 64
STATUS_STORED = 200
STATUS_ACCEPTED = 202
# 1 to 600,000 in at most six digits; without look-ahead, which not every reader of the document has.
TIMEOUT_PATTERN = (
    "^(0{0,5}[1-9]|0{0,4}[1-9][0-9]|0{0,3}[1-9][0-9]{2}|0{0,2}[1-9][0-9]{3}|0?[1-9][0-9]{4}|[1-5][0-9]{5}|600000)$"
)
_NUMBER = re.compile(TIMEOUT_PATTERN.removeprefix("^").removesuffix("$"))
_SESSION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9]{1,19}")


def note_conditions(request: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Note how long the caller waits, which writes it wants to read; raise `InvalidInput` if a header is malformed."""
    notes, headers = _notes(), request.headers
    timeout = _only(headers, TIMEOUT_HEADER)
    if timeout is not None:
        if not _NUMBER.fullmatch(timeout):
            raise InvalidInput(TIMEOUT_HEADER, f"must be milliseconds, a whole number from 1 to {MAX_TIMEOUT_MS}")
        notes.patience = min(int(timeout) / 1000, request.app.state.settings.chain.longest_request)
    session = _only(headers, SESSION_HEADER)
    if session is not None:
        if not _SESSION.fullmatch(session):
            raise InvalidInput(SESSION_HEADER, "was not issued by this service")
        notes.session = session


def note_preferences(request: Request[Any, Any, Any]) -> None:
    """Note how long the caller of a write waits for a confirmation, within its deadline and the longest request.

    Raises:
        InvalidInput: the header is malformed.
    """
    preferred = request.headers.getall(PREFER_HEADER, [])
    if not preferred or (seconds := wait_of(preferred)) is None:
        return
    notes = _notes()
    longest = request.app.state.settings.chain.longest_request if notes.patience is None else notes.patience
    # Whole seconds, as the answer says what was applied; less than one is less than everybody gets.
    notes.wait = min(seconds, int(longest)) or None


def write_status(*written: Written) -> int:
    """Return 200 if all writes are confirmed by the first provider, 202 if some are durable in the journal alone."""
    return STATUS_STORED if all(one.confirmed for one in written) else STATUS_ACCEPTED


def stored_or_accepted(written: Written) -> Literal["stored", "accepted"]:
    """Return the same as a word."""
    return "stored" if written.confirmed else "accepted"


def _notes() -> Notes:
    notes = current.get()
    if notes is None:
        raise RuntimeError("a handler runs within a request, which has notes")
    return notes


def _only(headers: Headers, name: str) -> str | None:
    values = headers.getall(name, [])
    if len(values) > 1:
        raise InvalidInput(name, "must be given once")
    return values[0] if values else None
