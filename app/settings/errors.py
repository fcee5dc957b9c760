"""ConfigError: one line that says which setting is wrong, how, and where it was set."""

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches

from app.settings.layers import Origin, Steps, dotted

MAX_SHOWN_CHARS = 60
_USER_INFO = re.compile(r"://\S*@")  # up to the last @: passwords hold any character


class ConfigError(Exception):
    """Signal that the configuration cannot be used; `str()` is one line without any secret.

    `path` is the setting as `$.server.port`, None when the fault is not of one setting; `origin` is where it was set.
    """

    def __init__(self, reason: str, *, steps: Steps | None = None, origin: Origin | None = None) -> None:
        self.path = None if steps is None else f"$.{dotted(steps)}"
        self.reason = reason
        self.origin = origin
        where = "" if self.path is None else f"{self.path}: "
        source = "" if origin is None else f" ({origin})"
        super().__init__(" ".join(f"{where}{reason}{source}".splitlines()))


def without_password(text: str) -> str:
    """Mask user and password of a URL, which are secrets wherever the URL stands."""
    return _USER_INFO.sub("://********@", text)


def shown(value: object) -> str:
    """Format a value so that it fits into one line of an error."""
    text = without_password(json.dumps(value, ensure_ascii=False, default=str))
    text = text.encode("utf-8", "backslashreplace").decode()  # a variable may hold bytes that are no text
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}..."


def quoted(names: Iterable[object]) -> str:
    """List names, each in quotes."""
    return ", ".join(json.dumps(name) for name in names)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Suggest the nearest known name, or list all of them when none is near."""
    known = list(known)
    near = get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {quoted(near)}?"
    return f"expected one of {quoted(known)}" if known else "expected none"
