"""What can be configured of webhooks: whom to tell of changes, of whose memories, and how patiently."""

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct, field

from app.settings.auth import TenantName
from app.webhooks.signing import secret_fault
from observability.secret import Secret
from providers.limits import MAX_USER_ID_CHARS

MAX_WEBHOOKS = 20
MAX_ATTEMPTS = 20
MAX_TIMEOUT = 60.0  # seconds

ChangeKind = Literal["put", "changed", "deleted", "expired", "quarantined"]
KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)
WebhookName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]+(_[a-z0-9]+)*\Z",
        max_length=64,
        description="a name of up to 64 lower-case letters, digits and single underscores",
    ),
]
# Credentials have no place in it. Without TLS anybody on the way could read it, but not on the way to this machine.
_Url = Annotated[
    str,
    Meta(
        pattern=r"^(https://[^/?#@\s\[\]:]+(:[0-9]{1,5})?(/[^#\s]*)?|https://\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?(/[^#\s]*)?"
        r"|http://(localhost|127\.[0-9.]+|\[::1\])(:[0-9]{1,5})?(/[^#\s]*)?)\Z",
        max_length=2_000,
        description="an https URL, or an http URL on this machine",
    ),
]
_User = Annotated[
    Annotated[str, Meta(min_length=1, max_length=MAX_USER_ID_CHARS)] | None, Meta(description="the id of a user")
]
_Kinds = Annotated[
    list[ChangeKind], Meta(min_length=1, description="a list of put, changed, deleted, expired, quarantined")
]


class WebhookSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure one webhook, by its name: a URL that is told of changes in memories, signed by Standard Webhooks.

    It needs a journal. A `user` and a `tenant` bound whose memories it is about.
    """

    url: _Url
    """The URL that receives each change with POST; https, or http on this machine. Change it when the receiver moves;
    the webhook goes on where it is.
    """
    secret: Secret
    """The secret that signs: `whsec_` and 24 to 64 random bytes in base64, which the receiver has as well. Change it
    when it may be known to others.
    """
    tenant: TenantName | None = None
    """The tenant whose memories it is about; without it all. Set it for a receiver that belongs to one tenant."""
    user: _User = None
    """The user whose memories it is about; without it all. Set it for a receiver that belongs to one user."""
    kinds: _Kinds = field(default_factory=lambda: list(KINDS))
    """The kinds of changes that it is told. Change it for a receiver that only waits for deletions, for instance."""
    content: bool = False
    """Whether memories are sent with their texts and metadata. Enable it only for a receiver that may read them all."""
    timeout: Annotated[float, Meta(ge=0.1, le=MAX_TIMEOUT)] = 10.0
    """The seconds for the receiver's answer. Raise it for one that works before it answers."""
    attempts: Annotated[int, Meta(ge=1, le=MAX_ATTEMPTS)] = 10
    """How often one change is sent at most before it becomes a dead letter, with growing pauses: ten times take about
    nine minutes. Raise it for a receiver that is often away for longer.
    """

    def __post_init__(self) -> None:
        """Refuse a secret that is none."""
        if (fault := secret_fault(self.secret.reveal())) is not None:
            raise ValueError(f"secret {fault}")
