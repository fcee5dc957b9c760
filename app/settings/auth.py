"""What can be configured of authentication: its mode, the keys, and what each key grants."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct, field

from app.auth.keys import HASH_PATTERN
from observability.secret import Secret
from providers.owners import DEFAULT_TENANT

KEYS_FILE = "keys.json"  # in the data folder, unless `keys_path` is set
KeyName = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_-]+\Z", description="a name of letters, digits, underscores and dashes")
]
# Masked, because the likely mistake is the key itself in place of its hash.
_HASH_TEXT = '"hmac-sha256:" with the id of the pepper, or "sha256:", and 64 lower-case hex digits'
KeyHash = Annotated[str, Meta(pattern=HASH_PATTERN, description=_HASH_TEXT, extra={"masked": True})]
_FormerHash = Annotated[
    Annotated[str, Meta(pattern=HASH_PATTERN)] | None, Meta(description=_HASH_TEXT, extra={"masked": True})
]
TENANT_PATTERN = r"^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?\Z"
TenantName = Annotated[
    str,
    Meta(
        pattern=TENANT_PATTERN,
        description="a name of up to 63 lower-case letters, digits, dashes and underscores",
    ),
]
Moment = Annotated[
    Annotated[datetime, Meta(tz=True)] | None,
    Meta(description="a date and time with its offset, as 2027-01-31T00:00:00Z"),
]

# What one route asks for.
Scope = Literal[
    "memory:read",
    "memory:write",
    "memory:delete",
    "memory:export",
    "admin:read",
    "admin:write",
    "admin:memories",
    "metrics:read",
]
SCOPES: tuple[Scope, ...] = get_args(Scope)
# What a key is given: a scope, or a sum of several by one name.
Grant = Literal[Scope, "memory", "admin"]
GRANTS: tuple[Grant, ...] = (*SCOPES, "memory", "admin")
SUMS: dict[Grant, frozenset[Scope]] = {
    "memory": frozenset({"memory:read", "memory:write", "memory:delete", "memory:export"}),
    # Whoever operates the service sees all of its measurements in the console anyway, but no memory of anybody: that
    # is a scope of its own.
    "admin": frozenset({"admin:read", "admin:write", "metrics:read"}),
}
_SOME_GRANTS = "a list of " + ", ".join(f'"{one}"' for one in GRANTS)
_Grants = Annotated[list[Grant], Meta(min_length=1, description=_SOME_GRANTS)]
# Public keys alone: with HMAC whoever can verify a token can make one.
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
_IssuerId = Annotated[str, Meta(pattern=r"^[!-~]{1,255}\Z", description="the `iss` of its tokens, printable ASCII")]
# Without TLS somebody on the way could put own keys in, but not on the way to this machine.
_KeySetPlace = Annotated[
    str,
    Meta(
        pattern=r"^(https://[^/?#@\s\[\]:]+(:[0-9]{1,5})?(/[^#\s]*)?|https://\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?(/[^#\s]*)?"
        r"|http://(localhost|127\.[0-9.]+|\[::1\])(:[0-9]{1,5})?(/[^#\s]*)?|/[^\0]+)\Z",
        description="an https URL, an http URL on this machine, or the absolute path of a file",
    ),
]
_Claim = Annotated[str, Meta(min_length=1, max_length=255)]


def scopes_of(grants: list[Grant]) -> frozenset[Scope]:
    """Return the scopes that a key has which was given these."""
    return frozenset(scope for grant in grants for scope in SUMS.get(grant, (grant,)) if scope in SCOPES)


class KeySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure one API key by its hash.

    `former_hash` is that of the secret before a rotation, which is accepted as well, `former_until` a moment if it is
    set. `tenant` owns the memories, `scopes` are what the key grants access to. It speaks for
    `user`, who is meant where a request names nobody, for `users`, and for all that begin with `user_prefix`; without
    any of these for every user that a request names. The memories of those in `reads`, such as a team, it may read as
    well. From `expires` on, and once it is `revoked`, the key is refused.
    One that had ended counts again since `renewed`, but no session of the console from before does.
    """

    hash: KeyHash
    former_hash: _FormerHash = None
    former_until: Moment = None
    tenant: TenantName = DEFAULT_TENANT
    user: str | None = None
    users: list[str] = field(default_factory=list)
    user_prefix: Annotated[str, Meta(min_length=1)] | None = None
    reads: list[str] = field(default_factory=list)
    scopes: _Grants = field(default_factory=lambda: ["memory"])
    expires: Moment = None
    renewed: Moment = None
    revoked: Moment = None

    @property
    def hashes(self) -> list[str]:
        """The hashes of its secrets."""
        return [self.hash] if self.former_hash is None else [self.hash, self.former_hash]


class IssuerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure an issuer whose tokens (JWT) are accepted, and what they grant.

    `audience` has the names of this service in `aud`, and `jwks` is where the issuer's public keys are, read anew every
    `refresh` seconds. `leeway` seconds of difference between clocks are forgiven. A token speaks for the user, or the
    users, in `user_claim`; with `any_user` for every user that a request names. Of the owners in `reads_claim`, such as
    teams, each after `reads_prefix`, it may read the memories as well. Its memories are of `tenant`, or of the one in
    `tenant_claim`. It has those of `scopes` that `scope_claim` names after `scope_prefix`; without that claim
    those in `default_scopes`.
    """

    issuer: _IssuerId
    audience: Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(min_length=1)]
    jwks: _KeySetPlace
    algorithms: Annotated[
        list[Algorithm], Meta(min_length=1, description="a list of " + ", ".join(f'"{one}"' for one in ALGORITHMS))
    ] = field(default_factory=lambda: ["RS256", "ES256"])
    refresh: Annotated[float, Meta(ge=60, le=86_400)] = 300.0
    leeway: Annotated[float, Meta(ge=0, le=300)] = 30.0
    nbf_required: bool = True
    user_claim: _Claim = "sub"
    any_user: bool = False
    tenant: TenantName = DEFAULT_TENANT
    tenant_claim: _Claim | None = None
    reads_claim: _Claim | None = None
    reads_prefix: str = ""
    scope_claim: _Claim = "scope"
    scope_prefix: str = ""
    scopes: _Grants = field(default_factory=lambda: ["memory"])
    default_scopes: Annotated[list[Grant], Meta(description=_SOME_GRANTS)] = field(default_factory=list)


class ContextSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure who may sign for the users of a tenant, with a `secret` that it shares with the service.

    `former_secret` is accepted as well. Version 1 signs the user alone, as SPEC-020 does: a signature counts for ever,
    and for every request. Version 2 signs the whole request, which counts once, and is at most `max_age` seconds old.
    """

    secret: Secret
    former_secret: Secret | None = None
    version: Literal[1, 2] = 2
    max_age: Annotated[int, Meta(ge=1, le=300)] = 60
    tenant: TenantName = DEFAULT_TENANT
    scopes: _Grants = field(default_factory=lambda: ["memory"])

    @property
    def secrets(self) -> list[Secret]:
        """The secrets that count."""
        return [self.secret] if self.former_secret is None else [self.secret, self.former_secret]


class AuthSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure authentication; `default_user` owns the memories where neither a key nor the request names a user.

    `keys_path` is the file of the keys that `ninai keys` manages, `keys.json` in the data folder without it; `pepper`
    is the secret that keys are hashed with, without it a file in the data folder holds one. `jwt` has the issuers whose
    tokens are accepted, beside the keys if the mode is `api_key`, and alone if it is `jwt`; `context` has those that
    may sign for users, in both modes.
    """

    mode: Literal["none", "api_key", "jwt"] = "none"
    default_user: str = "demo"
    keys_path: Path | None = None
    pepper: Secret | None = None
    keys: dict[KeyName, KeySettings] = {}
    jwt: dict[KeyName, IssuerSettings] = {}
    context: dict[KeyName, ContextSettings] = {}
