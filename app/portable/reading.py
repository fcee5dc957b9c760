"""The reading of an export, line by line, each of which fails alone."""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from app.http.body_limit import MAX_BODY_BYTES
from app.http.json.blanks import BLANKS
from app.http.json.body import decode
from app.http.problems import TOO_LARGE, Problem, RequestError, problem_of
from app.portable.format import (
    FORMAT,
    MAJOR,
    CheckpointLine,
    FailureLine,
    HeaderLine,
    Line,
    MemoryLine,
    TombstoneLine,
    TrailerLine,
    VersionLine,
    is_readable,
)
from providers.errors import InvalidInput

LINE = "line"  # the field that an error names if no field of the line is at fault

_KINDS: dict[str, type[Line]] = {
    "header": HeaderLine,
    "memory": MemoryLine,
    "version": VersionLine,
    "tombstone": TombstoneLine,
    "checkpoint": CheckpointLine,
    "trailer": TrailerLine,
    "failure": FailureLine,
}


class _Kinded(Struct, frozen=True):
    kind: str


_kind_of = msgspec.json.Decoder(_Kinded).decode


def lines_of(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each line that is not blank, with its number from 1 on; of one that is too long, only its beginning."""
    begin, number = 0, 0
    while begin < len(body):
        number += 1
        end = body.find(b"\n", begin)
        end = len(body) if end < 0 else end
        text = body[begin : min(end, begin + MAX_BODY_BYTES + 1)].strip(BLANKS)
        if text:
            yield number, text
        begin = end + 1


def read_line(text: bytes) -> Line | Problem:
    """Return what a line says, or what is wrong with it."""
    try:
        return _read(text)
    except (RequestError, InvalidInput) as error:
        return problem_of(error)


def kind_of(text: bytes) -> str:
    """Return the kind of a line: what most of them are where it has none, so that its decoding says what is wrong."""
    try:
        return _kind_of(text).kind
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "memory"


def check_readable(header: HeaderLine) -> None:
    """Refuse what this version of the service cannot read; raise `InvalidInput`."""
    if not is_readable(header):
        said = f"{header.format[:40]} {header.version[:20]}"
        raise InvalidInput("version", f"must be {FORMAT} {MAJOR}.x, which this service reads, got {said}")


def _read(text: bytes) -> Line:
    if len(text) > MAX_BODY_BYTES:
        raise RequestError(TOO_LARGE, f"The line must be at most {MAX_BODY_BYTES} bytes", field=LINE)
    kind = kind_of(text)
    if kind not in _KINDS:
        raise InvalidInput("kind", f"must be one of {', '.join(_KINDS)}")
    return decode(text, _KINDS[kind], LINE)
