"""Masking of all secrets of the settings in the text of an error."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote

from msgspec import Struct, structs

from app.settings.errors import without_password
from observability.one_line import in_one_line
from observability.secret import MASK, Secret

_LONG_CHARS = 8
# A URL as SQLAlchemy finds it, which may hold what urllib refuses: that takes a bracket for that of an IPv6 address.
_PASSWORD = re.compile(r"://[^:/]*:([^@]*)@")


def mask_for(settings: Struct) -> Callable[[str], str]:
    """Return a function that makes one line of a text, in which none of these settings' secrets stands."""
    # The longest first: a short secret may be a part of it.
    secrets = sorted({secret for secret in _secrets_in(settings) if secret}, key=len, reverse=True)
    pattern = re.compile("|".join(map(_pattern_of, secrets)) or r"(?!)")  # the last matches nothing

    def masked(text: str) -> str:
        return in_one_line(pattern.sub(MASK, without_password(text)))

    return masked


def _pattern_of(secret: str) -> str:
    """Match a short secret as a whole word only: a password of one letter would mask that letter everywhere."""
    anywhere = re.escape(secret)
    return anywhere if len(secret) >= _LONG_CHARS else rf"(?<!\w){anywhere}(?!\w)"


def _secrets_in(value: object) -> Iterator[str]:
    """Yield every secret of the settings, and of a DSN the password also by itself."""
    if isinstance(value, Secret):
        text = value.reveal()
        yield text
        for password in _PASSWORD.findall(text):
            yield from (password, unquote(password))
    elif isinstance(value, Struct):
        for field in structs.fields(value):
            yield from _secrets_in(getattr(value, field.name))
    elif isinstance(value, dict):
        yield from _secrets_in(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from _secrets_in(item)
