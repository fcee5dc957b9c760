"""What a token says: its head, its claims, and the identity that they grant."""

import binascii
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from app.auth.allowed_users import AllowedUsers
from app.auth.caller import Identity
from app.auth.refusals import CallerRefused
from app.settings.auth import GRANTS, TENANT_PATTERN, IssuerSettings, Scope, scopes_of
from providers.errors import InvalidInput
from providers.limits import check_user_id

MAX_USERS = 100  # that one token speaks for by name
MAX_SUBJECT_CHARS = 255  # as OpenID Connect Core has it (section 2), ASCII alone
MAX_KEY_ID_CHARS = 255
ID_PREFIX = "jwt:"  # which no name of a key has
_ID_DIGITS = 40
_SHOWN = "token"
_TENANT = re.compile(TENANT_PATTERN)

_RULES = {
    "sub": f"is not 1 to {MAX_SUBJECT_CHARS} printable ASCII characters; a user's name belongs into another claim",
    "kid": f"is longer than {MAX_KEY_ID_CHARS} characters",
}

Part = TypeVar("Part")


class TokenHead(Struct, frozen=True):
    """Hold what the head of a token says of its signature; what else is in it is not heeded, least of all keys."""

    alg: str
    kid: Annotated[str, Meta(max_length=MAX_KEY_ID_CHARS)] | None = None


class Claims(Struct, frozen=True):
    """Hold the claims that every token has (RFC 7519); times are in seconds since 1970."""

    iss: str
    sub: Annotated[str, Meta(pattern=rf"^[ -~]{{1,{MAX_SUBJECT_CHARS}}}\Z")]
    aud: str | list[str]
    exp: float
    iat: float
    nbf: float | None = None


def part_of(token: str, index: int, kind: type[Part]) -> Part:
    """Return the head, 0, or the claims, 1, of a token; raise `CallerRefused` if they lack something."""
    text = token.split(".")[index]
    try:
        return msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=kind)
    except msgspec.ValidationError as error:
        raise CallerRefused("malformed", f"This token {_fault_in(str(error))}") from None
    except (msgspec.MsgspecError, binascii.Error, UnicodeDecodeError, RecursionError):
        raise CallerRefused("malformed", "This token cannot be read") from None


def check(claims: Claims, settings: IssuerSettings, now: float) -> None:
    """Require that a token is for this service, and counts now; raise `CallerRefused` if not.

    The issuer was checked before, when its keys were chosen.
    """
    if claims.nbf is None and settings.nbf_required:
        raise CallerRefused("malformed", 'This token lacks the claim "nbf"')
    named = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if not set(named) & set(settings.audience):
        raise CallerRefused("unknown", "This token is for another audience")
    if now >= claims.exp + settings.leeway:
        raise CallerRefused("expired", "This token has expired", caller=id_of(claims))
    if max(claims.iat, claims.nbf or 0.0) > now + settings.leeway:
        raise CallerRefused("early", "This token does not count yet", caller=id_of(claims))


def id_of(claims: Claims) -> str:
    """Return the id of a caller: by issuer and subject, and so the same when its token is renewed.

    It is a hash, since a subject may be the name of a user, and ids of callers are logged.
    """
    digest = sha256(f"{claims.iss}\0{claims.sub}".encode()).hexdigest()
    return f"{ID_PREFIX}{digest[:_ID_DIGITS]}"


def identity_of(token: str, claims: Claims, settings: IssuerSettings) -> Identity:
    """Return the identity that a verified token grants.

    Raises:
        CallerRefused: the claim of the user or of the tenant is missing, or is none.
    """
    content = part_of(token, 1, dict[str, Any])
    return Identity(
        id_of(claims),
        _scopes_in(content, settings),
        _users_in(content, settings),
        _tenant_in(content, settings),
        claims.exp + settings.leeway,
    )


def _fault_in(complaint: str) -> str:
    """Return which claim is missing or wrong, without a word of what it holds."""
    if missing := re.search(r"missing required field `(\w+)`", complaint):
        return f'lacks "{missing[1]}"'
    wrong = re.search(r" - at `\$\.(\w+)", complaint)
    name = wrong[1] if wrong else ""
    rule = _RULES.get(name, "is not of the type that it should be")
    return f'has a "{name}" that {rule}' if name else "is no JSON object where it should be one"


def _claim(content: Mapping[str, Any], name: str) -> object:
    """Return a claim by its name, or by names with dots between them; None if there is none."""
    if name in content:
        return content[name]
    found: object = content
    for step in name.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _scopes_in(content: Mapping[str, Any], settings: IssuerSettings) -> frozenset[Scope]:
    most = scopes_of(settings.scopes)
    claimed = _claim(content, settings.scope_claim)
    if claimed is None:
        return most & scopes_of(settings.default_scopes)
    words = claimed.split() if isinstance(claimed, str) else claimed if isinstance(claimed, list) else []
    grants = [grant for grant in GRANTS if f"{settings.scope_prefix}{grant}" in words]
    return most & scopes_of(grants)


def _users_in(content: Mapping[str, Any], settings: IssuerSettings) -> AllowedUsers:
    if settings.any_user:
        return AllowedUsers(shown=_SHOWN)
    claimed = _claim(content, settings.user_claim)
    users = [claimed] if isinstance(claimed, str) else claimed
    if not isinstance(users, list) or not 0 < len(users) <= MAX_USERS:
        raise _unusable(settings.user_claim)
    for user in users:
        if not isinstance(user, str):
            raise _unusable(settings.user_claim)
        _check_user(user, settings.user_claim)
    default = users[0] if len(users) == 1 else None
    return AllowedUsers(frozenset(users), default=default, shown=_SHOWN, reads=_reads_in(content, settings))


def _reads_in(content: Mapping[str, Any], settings: IssuerSettings) -> frozenset[str]:
    """Return the owners whose memories the token may read beside those of its users; none without the claim."""
    claim = settings.reads_claim
    claimed = None if claim is None else _claim(content, claim)
    if claim is None or claimed is None:
        return frozenset()
    owners = [claimed] if isinstance(claimed, str) else claimed
    if not isinstance(owners, list) or len(owners) > MAX_USERS or not all(isinstance(owner, str) for owner in owners):
        raise _unusable(claim)
    named = frozenset(settings.reads_prefix + owner for owner in owners)
    for owner in named:
        _check_user(owner, claim)
    return named


def _check_user(user: str, claim: str) -> None:
    try:
        check_user_id(user)
    except InvalidInput:
        raise _unusable(claim) from None


def _tenant_in(content: Mapping[str, Any], settings: IssuerSettings) -> str:
    if settings.tenant_claim is None:
        return settings.tenant
    claimed = _claim(content, settings.tenant_claim)
    if not isinstance(claimed, str) or _TENANT.match(claimed) is None:
        raise _unusable(settings.tenant_claim)
    return claimed


def _unusable(claim: str) -> CallerRefused:
    return CallerRefused("malformed", f'The claim "{claim}" of this token is missing, or not what it should be')
