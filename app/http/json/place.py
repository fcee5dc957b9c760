"""The path to a byte in JSON text, as errors name fields: `metadata.tags[1]`."""

import json
import re

# More of a value is not scanned, one token after another: a place is only a help, and other requests wait. A memory has
# a handful of values.
MOST_TOKENS = 64
MOST_CHARS = 200

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]|[^\s,:"\[\]{}]++', re.DOTALL)


def place_in(value: bytes, position: int) -> str | None:
    """Return the path from a JSON value to a `position` in it, such as `.tags[1]`; None if that is too far inside.

    `value`: well-formed. A position in a key has the place of the object that holds it; a long path is cut short.
    """
    way: list[bytes | int | None] = []  # per open array the index, per open object the key, None before each key
    for count, token in enumerate(_TOKEN.finditer(value)):
        if count == MOST_TOKENS:
            return None
        text = token.group() if token.end() - token.start() == 1 else b""
        if token.end() > position:
            return _written(way)
        if text in {b"[", b"{"}:
            way.append(0 if text == b"[" else None)
            continue
        if text in {b"]", b"}"}:
            way.pop()
        elif way and way[-1] is None:
            way[-1] = token.group()
            continue
        _next(way)
    return _written(way)


def _next(way: list[bytes | int | None]) -> None:
    """Step past a whole value."""
    if way:
        last = way[-1]
        way[-1] = last + 1 if isinstance(last, int) else None


def _written(way: list[bytes | int | None]) -> str:
    written = ""
    for step in way:
        if step is None or len(written) > MOST_CHARS:
            break
        written += f"[{step}]" if isinstance(step, int) else f".{json.loads(step.decode(errors='replace'))}"
    return written
