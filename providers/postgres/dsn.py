"""The URL of a database in the one form that every PostgreSQL user here takes."""

import re

from observability.secret import MASK, Secret
from providers.setting_fault import SettingFault

EXPECTED = f"expected postgresql://USER:PASSWORD@HOST/DATABASE, got {MASK}"

_SSLMODE = re.compile(r"(?<=[?&])sslmode=")
_SCHEMES = ("postgres", "postgresql", "postgresql+asyncpg")


def normalised_dsn(dsn: Secret) -> Secret:
    """Return `postgresql+asyncpg://...` for every way to write a PostgreSQL URL.

    libpq calls the TLS mode `sslmode`, asyncpg calls the same values `ssl`.

    Raises:
        SettingFault: it is the URL of something else.
    """
    scheme, separator, rest = dsn.reveal().partition("://")
    if not separator or scheme not in _SCHEMES:
        raise SettingFault(("dsn",), EXPECTED)
    return Secret("postgresql+asyncpg://" + _SSLMODE.sub("ssl=", rest))
