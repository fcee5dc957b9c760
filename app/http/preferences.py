"""The `Prefer` header (RFC 7240): how long the caller of a write will wait for its confirmation."""

import re
from collections.abc import Iterator, Sequence

from providers.errors import InvalidInput

PREFER_HEADER = "Prefer"
MAX_WAIT_DIGITS = 9
_WAIT = "wait"

# RFC 7240, section 2, and RFC 9110, section 5.6: a token, a quoted string, and what may stand around them.
_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_QUOTED = r'"(?:[\t !\x23-\x5b\x5d-\x7e]|\\[\t -~])*"'
_VALUE = rf"[ \t]*=[ \t]*({_WORD}|{_QUOTED})"
_PARAMETERS = rf"(?:[ \t]*;(?:[ \t]*{_WORD}(?:{_VALUE})?)?)*"
_PREFERENCE = re.compile(rf"[ \t]*({_WORD})(?:{_VALUE})?{_PARAMETERS}[ \t]*")
_NOTHING = re.compile(r"[ \t]*")
_SECONDS = re.compile(rf"[0-9]{{1,{MAX_WAIT_DIGITS}}}")


def wait_of(headers: Sequence[str]) -> int | None:
    """Return the seconds of the first `wait` in all headers of a request, None if there is none.

    Other preferences are ignored, as the standard demands.

    Raises:
        InvalidInput: a header is malformed, or the seconds are.
    """
    for header in headers:
        for name, value in _preferences(header):
            if name.lower() == _WAIT:
                if not _SECONDS.fullmatch(value):
                    raise InvalidInput(PREFER_HEADER, f"wait must be seconds, up to {MAX_WAIT_DIGITS} digits")
                return int(value)
    return None


def _preferences(header: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a list, whose elements may be empty."""
    place = 0
    while True:
        found = _PREFERENCE.match(header, place) or _NOTHING.match(header, place)
        if found is None or (found.end() < len(header) and header[found.end()] != ","):
            raise InvalidInput(PREFER_HEADER, "must be a list of preferences, as wait=10")
        if found.re is _PREFERENCE:
            value = found[2] or ""
            yield found[1], re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        place = found.end() + 1
        if found.end() >= len(header):
            return
