"""The parts that a service needs to accept tokens; their libraries are loaded only where an issuer is configured."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext

import structlog
from msgspec import Struct

from app.auth.caller import CredentialKind
from app.settings.auth import AuthSettings

_log = structlog.get_logger(__name__)


class TokenParts(Struct, frozen=True):
    """Hold the kind of credential that tokens are, if they are accepted, and what follows the keys of their issuers."""

    kinds: list[CredentialKind] = []
    following: Callable[[], AbstractAsyncContextManager[None]] = nullcontext


def token_parts(settings: AuthSettings) -> TokenParts:
    """Return the parts that the settings ask for."""
    if not settings.jwt:
        return TokenParts()
    if settings.mode == "none":
        _log.warning("issuers_not_heeded", issuers=sorted(settings.jwt), remedy='auth.mode = "api_key" or "jwt"')
        return TokenParts()
    from app.auth.tokens.following import KeySetFollower
    from app.auth.tokens.issuer import Issuer
    from app.auth.tokens.tokens import Tokens

    issuers = [Issuer(name, issuer, time.monotonic) for name, issuer in settings.jwt.items()]
    return TokenParts([Tokens(issuers)], KeySetFollower(issuers).following)
