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
TenantName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?\Z",
        description="a name of up to 63 lower-case letters, digits, dashes and underscores",
    ),
]
Moment = Annotated[
    Annotated[datetime, Meta(tz=True)] | None,
    Meta(description="a date and time with its offset, as 2027-01-31T00:00:00Z"),
]

# What one route asks for.
Scope = Literal[
    "memory:read", "memory:write", "memory:delete", "memory:export", "admin:read", "admin:write", "metrics:read"
]
SCOPES: tuple[Scope, ...] = get_args(Scope)
# What a key is given: a scope, or a sum of several by one name.
Grant = Literal[Scope, "memory", "admin"]
GRANTS: tuple[Grant, ...] = (*SCOPES, "memory", "admin")
SUMS: dict[Grant, frozenset[Scope]] = {
    "memory": frozenset({"memory:read", "memory:write", "memory:delete", "memory:export"}),
    # Whoever operates the service sees all of its measurements in the console anyway.
    "admin": frozenset({"admin:read", "admin:write", "metrics:read"}),
}
_Grants = Annotated[list[Grant], Meta(min_length=1, description="a list of " + ", ".join(f'"{one}"' for one in GRANTS))]


def scopes_of(grants: list[Grant]) -> frozenset[Scope]:
    """Return the scopes that a key has which was given these."""
    return frozenset(scope for grant in grants for scope in SUMS.get(grant, (grant,)) if scope in SCOPES)


class KeySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure one API key by its hash.

    `former_hash` is that of the secret before a rotation, which is accepted as well, `former_until` a moment if it is
    set. `tenant` owns the memories, `scopes` are what the key grants access to. It speaks for
    `user`, who is meant where a request names nobody, for `users`, and for all that begin with `user_prefix`; without
    any of these for every user that a request names. From `expires` on, and once it is `revoked`, the key is refused.
    """

    hash: KeyHash
    former_hash: _FormerHash = None
    former_until: Moment = None
    tenant: TenantName = DEFAULT_TENANT
    user: str | None = None
    users: list[str] = field(default_factory=list)
    user_prefix: Annotated[str, Meta(min_length=1)] | None = None
    scopes: _Grants = field(default_factory=lambda: ["memory"])
    expires: Moment = None
    revoked: Moment = None

    @property
    def hashes(self) -> list[str]:
        """The hashes of its secrets."""
        return [self.hash] if self.former_hash is None else [self.hash, self.former_hash]


class AuthSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure authentication; `default_user` owns the memories where neither a key nor the request names a user.

    `keys_path` is the file of the keys that `ninai keys` manages, `keys.json` in the data folder without it; `pepper`
    is the secret that keys are hashed with, without it a file in the data folder holds one.
    """

    mode: Literal["none", "api_key"] = "none"
    default_user: str = "demo"
    keys_path: Path | None = None
    pepper: Secret | None = None
    keys: dict[KeyName, KeySettings] = {}
