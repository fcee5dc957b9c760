"""Authentication by keys that a test knows, without files."""

import time
from collections.abc import Callable, Mapping

from app.auth.api_key import ApiKeys, KeyTable
from app.auth.by_credential import CredentialAuthenticator
from app.auth.keys import Pepper
from app.settings.auth import KeySettings

PEPPER = Pepper(b"p" * 32)


def knowing(keys: Mapping[str, KeySettings], now: Callable[[], float] = time.time) -> ApiKeys:
    """Return the keys of a service that knows these."""
    known = ApiKeys(now)
    known.table = KeyTable(keys, PEPPER)
    return known


def authenticating(keys: Mapping[str, KeySettings], now: Callable[[], float] = time.time) -> CredentialAuthenticator:
    """Return the authentication of such a service."""
    return CredentialAuthenticator([knowing(keys, now)])
