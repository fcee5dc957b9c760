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

    It speaks for `user`, for `users`, and for all that begin with `user_prefix`; without any of these for every user
    that a request names.
    """

    hash: KeyHash
    """The hash of the key, which `ninai keys new NAME --print` prints. Change it to replace the key at once."""
    former_hash: _FormerHash = None
    """The hash of the secret before a rotation, which counts as well. Set it while callers change over to a new secret.
    """
    former_until: Moment = None
    """The moment from which the former secret is refused. Set it to end a rotation by itself."""
    tenant: TenantName = DEFAULT_TENANT
    """The tenant whose memories the key is for. Change it to keep the users of two customers apart."""
    user: str | None = None
    """The user whom a request means that names none. Set it for a key that speaks for one person or agent."""
    users: list[str] = field(default_factory=list)
    """Further users that the key may name. Set it for a service that speaks for a few known users."""
    user_prefix: Annotated[str, Meta(min_length=1)] | None = None
    """What the users begin with that the key may name. Set it for a service that makes its users' names itself."""
    reads: list[str] = field(default_factory=list)
    """Owners whose memories the key may read as well, such as a team. Set it for agents that share what a team knows.
    """
    scopes: _Grants = field(default_factory=lambda: ["memory"])
    """What the key opens: `memory`, `admin`, or single scopes. Change it to give no more than its holder needs."""
    expires: Moment = None
    """The moment from which the key is refused. Set it for a key that is lent for a time."""
    renewed: Moment = None
    """The moment at which a key that had expired was given another end, so that older sessions of the console do not
    count. Leave it to `ninai keys expire`, which sets it.
    """
    revoked: Moment = None
    """The moment since which the key is withdrawn. Set it as soon as somebody else may have the key."""

    @property
    def hashes(self) -> list[str]:
        """The hashes of its secrets."""
        return [self.hash] if self.former_hash is None else [self.hash, self.former_hash]


class IssuerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure an issuer whose tokens (JWT) are accepted, and what they grant."""

    issuer: _IssuerId
    """What the issuer's tokens have in `iss`. Change it with the issuer."""
    audience: Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(min_length=1)]
    """The names of this service in `aud`, of which a token must have one. Change it with what the issuer calls this
    service.
    """
    jwks: _KeySetPlace
    """Where the issuer's public keys are: an https URL, or the path of a file. Change it with the issuer."""
    algorithms: Annotated[
        list[Algorithm], Meta(min_length=1, description="a list of " + ", ".join(f'"{one}"' for one in ALGORITHMS))
    ] = field(default_factory=lambda: ["RS256", "ES256"])
    """The algorithms that are accepted. Change it where the issuer signs with another one."""
    refresh: Annotated[float, Meta(ge=60, le=86_400)] = 300.0
    """The seconds after which the issuer's keys are read anew; a token that names an unknown key causes that as well.
    Lower it where keys are withdrawn at short notice.
    """
    leeway: Annotated[float, Meta(ge=0, le=300)] = 30.0
    """The seconds by which clocks may differ. Lower it where all clocks are known to be right."""
    nbf_required: bool = True
    """Whether a token must say from when on it counts. Turn it off for an issuer whose tokens have no `nbf`."""
    user_claim: _Claim = "sub"
    """The claim that names the user, or the users, that a token speaks for. Change it where your users are known by
    another claim than `sub`.
    """
    any_user: bool = False
    """Whether a token speaks for every user that a request names. Enable it for tokens of services alone, never for
    tokens of people.
    """
    tenant: TenantName = DEFAULT_TENANT
    """The tenant whose memories the issuer's tokens are for. Change it to keep the users of two issuers apart."""
    tenant_claim: _Claim | None = None
    """The claim that names the tenant. Set it where one issuer speaks for several tenants."""
    reads_claim: _Claim | None = None
    """The claim that names owners whose memories a token may read as well. Set it to share memories in the groups that
    the issuer knows.
    """
    reads_prefix: str = ""
    """What is put before each of these owners. Set it so that no group can have the name of a user."""
    scope_claim: _Claim = "scope"
    """The claim that names scopes. Change it where the issuer has them in another claim than `scope`."""
    scope_prefix: str = ""
    """What stands before each scope in that claim. Set it where the issuer puts a name before the scopes of each
    service.
    """
    scopes: _Grants = field(default_factory=lambda: ["memory"])
    """The scopes that a token can have at most. Change it to let tokens of this issuer do more, or less."""
    default_scopes: Annotated[list[Grant], Meta(description=_SOME_GRANTS)] = field(default_factory=list)
    """The scopes of a token without that claim. Set it for an issuer that knows nothing of scopes."""


class ContextSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure who may sign for the users of a tenant, with a secret that it shares with the service."""

    secret: Secret
    """The secret that the gateway signs with, at least 32 characters made by chance. Change it, with `former_secret`,
    at every rotation.
    """
    former_secret: Secret | None = None
    """The secret before a rotation, which counts as well. Set it while the gateway changes over."""
    version: Literal[1, 2] = 2
    """What is signed: 2 is the whole request, which counts once; 1 is the user alone, for ever. Lower it to 1 for
    clients of the specification alone.
    """
    max_age: Annotated[int, Meta(ge=1, le=300)] = 60
    """The seconds for which a signature of version 2 counts. Raise it where requests wait in a queue behind the
    gateway.
    """
    tenant: TenantName = DEFAULT_TENANT
    """The tenant of the users for whom the gateway signs. Change it to give each gateway users of its own."""
    scopes: _Grants = field(default_factory=lambda: ["memory"])
    """What signed requests may do. Change it to give no more than the gateway's users need."""

    @property
    def secrets(self) -> list[Secret]:
        """The secrets that count."""
        return [self.secret] if self.former_secret is None else [self.secret, self.former_secret]


class AuthSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure authentication.

    `jwt` has the issuers whose tokens are accepted, beside the keys if the mode is `api_key`, and alone if it is `jwt`;
    `context` has those that may sign for users, in both modes.
    """

    mode: Literal["none", "api_key", "jwt"] = "none"
    """Who may ask: every client (`none`), holders of keys or tokens (`api_key`), or holders of tokens alone (`jwt`).
    Change it before other machines can reach the service.
    """
    default_user: str = "demo"
    """The user of a request that names none, if the mode is `none`. Change it where a trial has a user of its own."""
    keys_path: Path | None = None
    """The file of the keys that `ninai keys` makes, by default `keys.json` in the data folder. Change it to share one
    file, which a deployment writes.
    """
    pepper: Secret | None = None
    """The secret that keys are hashed with, at least 32 characters made by chance; without it a file in the data folder
    holds one. Set it on hosts that share keys, but no data folder.
    """
    keys: dict[KeyName, KeySettings] = {}
    jwt: dict[KeyName, IssuerSettings] = {}
    context: dict[KeyName, ContextSettings] = {}
