"""The encoding that a database must have, since users may write any text."""

from sqlalchemy import text

from providers.errors import Misconfigured

ENCODING = text("SELECT current_setting('server_encoding')")

_ANY_TEXT = "UTF8"


def check_encoding(name: str) -> None:
    """Refuse a database of another encoding, which would fail only at the first text that it cannot store.

    Raises:
        Misconfigured: the encoding is another one.
    """
    if name != _ANY_TEXT:
        raise Misconfigured(
            f"the database's encoding is {name}, but must be {_ANY_TEXT}: create it with ENCODING '{_ANY_TEXT}'"
        )
