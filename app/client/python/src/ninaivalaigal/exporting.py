"""The reading of an export: complete up to its last checkpoint, behind which it goes on if it was cut off."""

from collections.abc import Callable

import httpx
import msgspec
from msgspec import Struct

from ninaivalaigal.attempts import Attempts, Retries
from ninaivalaigal.calls import Call
from ninaivalaigal.errors import UnexpectedAnswer
from ninaivalaigal.values import Answer, ProblemDetails

_QUOTED_BYTES = 80


class _Line(Struct, frozen=True):
    """What tells how far an export is."""

    kind: str
    after: str | None = None
    problem: ProblemDetails | None = None


class Export:
    """An export as it comes: what follows the last checkpoint is held back, and asked for again if it is cut off."""

    def __init__(self, call: Call[Answer], retries: Retries, chance: Callable[[], float]) -> None:
        self._call, self._retries, self._chance = call, retries, chance
        self._attempts = Attempts(call, retries, chance)
        self._rest, self._held = b"", list[bytes]()
        self._end: httpx.Response | httpx.TransportError | None = None
        self.complete = False

    def request(self) -> Call[Answer]:
        """Return the call that goes on behind the last checkpoint; what was held back is forgotten."""
        self._rest, self._held, self._end = b"", [], None
        return self._call

    def take(self, piece: bytes) -> bytes:
        """Return the lines that are certain with a piece of the answer: up to a checkpoint, or to the trailer.

        Raises:
            UnexpectedAnswer: a line is none of an export.
        """
        # Not `splitlines`: a text may have separators of Unicode in it.
        *lines, self._rest = (self._rest + piece).split(b"\n")
        certain = list[bytes]()
        for line in lines:
            told = _told(line)
            if told.problem is not None:
                self.ended(_response(told.problem))
                continue
            self._held.append(line + b"\n")
            if told.kind in ("checkpoint", "trailer"):
                certain += self._held
                self._held, self.complete = [], told.kind == "trailer"
                if told.after is not None:
                    params = {**self._call.params, "after": told.after}
                    self._call = msgspec.structs.replace(self._call, params=params)
                self._attempts = Attempts(self._call, self._retries, self._chance)
        return b"".join(certain)

    def ended(self, by: httpx.Response | httpx.TransportError) -> None:
        """Note what has ended an answer before its trailer."""
        self._end = by

    def pause(self) -> float | None:
        """Return the seconds until the next request, None after the trailer; raise what keeps it from being made."""
        if self.complete:
            return None
        end = self._end or httpx.RemoteProtocolError("the export has ended without its trailer")
        pause = self._attempts.pause_after(end)
        if pause is None:
            self._attempts.result(end)
        return pause


def _told(line: bytes) -> _Line:
    try:
        return msgspec.json.decode(line, type=_Line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnexpectedAnswer(f"this is no line of an export: {line[:_QUOTED_BYTES]!r}") from error


def _response(problem: ProblemDetails) -> httpx.Response:
    """Return the answer that the problem would have been, had nothing been sent before it."""
    said = {"Content-Type": "application/problem+json"}
    return httpx.Response(problem.status, content=msgspec.json.encode(problem), headers=said)
