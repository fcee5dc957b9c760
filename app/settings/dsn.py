"""The normal form of a database URL, as the native provider takes it."""

import re

_SSLMODE = re.compile(r"(?<=[?&])sslmode=")
_SCHEMES = ("postgres", "postgresql", "postgresql+asyncpg")


def normalised(dsn: str) -> str:
    """Return `postgresql+asyncpg://...` for every way to write a PostgreSQL URL.

    libpq calls the TLS mode `sslmode`, asyncpg calls the same values `ssl`.

    Raises:
        ValueError: it is no PostgreSQL URL.
    """
    scheme, separator, rest = dsn.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise ValueError("not a PostgreSQL URL")
    return "postgresql+asyncpg://" + _SSLMODE.sub("ssl=", rest)
