"""The schemas of the requests and responses of operators: health, breakers, the journal and the order."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.http.schemas import CallerId, Moment
from providers.health import Health
from providers.journal.operations import Backlog, DeadLetter
from providers.limits import MAX_USER_ID_CHARS
from providers.owners import DEFAULT_TENANT
from providers.provenance.quarantines import Quarantine
from providers.source import WriteSource

MAX_REASON_CHARS = 500
MAX_RETRY_SECONDS = 3_600
# The limits of an order in a request: names that are not configured are compared with those that are, which takes time.
MAX_ORDER = 100
MAX_NAME_CHARS = 100


class LiveResponse(Struct, frozen=True):
    """The process runs."""

    alive: bool = True


class ReadyResponse(Struct, frozen=True):
    """Whether requests can be served, and the health of each provider; `leaving` before the service stops.

    Strangers are told `ready` alone where keys are used. `reason` is why it is not ready: it is leaving, still warming
    up, or no provider that could answer is healthy. In the `mode` `read_only` it is ready, and refuses writes.
    """

    ready: bool
    providers: Mapping[str, Health] | UnsetType = UNSET
    leaving: bool | UnsetType = UNSET
    reason: Literal["leaving", "warming", "unhealthy"] | UnsetType = UNSET
    mode: Literal["read_write", "read_only"] | UnsetType = UNSET


class ModeRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the service is to take writes; those whose writes are refused are told the `reason`, which they need.

    After `retry_after` seconds they are to come back.
    """

    mode: Literal["read_write", "read_only"]
    reason: Annotated[str, Meta(max_length=MAX_REASON_CHARS)] = ""
    retry_after: Annotated[int, Meta(ge=1, le=MAX_RETRY_SECONDS)] = 30


class QuarantineRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What to hide: all that a key, or else a caller, wrote from `since` on and, if given, before `until`.

    With `user`, and its `tenant`, only that user's memories. The `reason` is for operators.
    """

    since: Moment
    key: CallerId | None = None
    caller: CallerId | None = None
    until: Moment | None = None
    user: Annotated[str, Meta(min_length=1, max_length=MAX_USER_ID_CHARS)] | None = None
    tenant: str | None = None
    reason: Annotated[str, Meta(max_length=MAX_REASON_CHARS)] = ""


class QuarantinesResponse(Struct, frozen=True):
    """The quarantines by age; one that was lifted is listed for 30 days more."""

    quarantines: tuple[Quarantine, ...]
    count: int


class QuarantinedMemory(Struct, frozen=True, omit_defaults=True):
    """A memory in quarantine, without its text."""

    memory_id: str
    user_id: str
    source: WriteSource | None
    tenant: str = DEFAULT_TENANT


class QuarantinedResponse(Struct, frozen=True):
    """Memories in quarantine of some users; `next_after` goes on with the others, and is null on the last page."""

    memories: list[QuarantinedMemory]
    count: int
    next_after: str | None


class BreakerChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What to do with a circuit breaker: refuse all calls, let all calls pass, or release it."""

    state: Literal["open", "closed", "auto"]
    reason: Annotated[str, Meta(max_length=MAX_REASON_CHARS)] = ""


class JournalResponse(Struct, frozen=True, kw_only=True):
    """A journal in numbers: `id` is unique to it; `backlogs` has one for each member."""

    id: str
    operations: int
    tombstones: int
    last_seq: int
    backlogs: tuple[Backlog, ...]


class DeadLettersResponse(Struct, frozen=True):
    """One page of dead letters, oldest first; `next_after` is null on the last page."""

    dead: list[DeadLetter]
    count: int
    next_after: int | None


class RetryResponse(Struct, frozen=True):
    """The delivery is no dead letter any more, and due at its provider."""

    seq: int
    provider: str
    status: Literal["due"] = "due"


class DiscardResponse(Struct, frozen=True):
    """The provider lacks that operation, and is not believed about the memory until it is merged or written anew."""

    seq: int
    provider: str
    status: Literal["discarded"] = "discarded"


class UserCounts(Struct, frozen=True, omit_defaults=True):
    """A user, with how many memories it has, and how many deleted ones are still known.

    `tenant` is omitted for the default one.
    """

    user_id: str
    memories: int
    deleted: int
    tenant: str = DEFAULT_TENANT


class UsersResponse(Struct, frozen=True):
    """One page of users, ordered by name, as `provider` holds them; `next_after` is null on the last page.

    Users of other tenants than the default one come first.
    """

    users: list[UserCounts]
    count: int
    provider: str
    next_after: str | None


class OrderRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The providers to be used, by name; the first is home."""

    order: Annotated[list[Annotated[str, Meta(max_length=MAX_NAME_CHARS)]], Meta(max_length=MAX_ORDER)]


class OrderResponse(Struct, frozen=True, kw_only=True):
    """The order in force `since` then, and the configured one, which applies again as soon as it changes.

    `set_by` is the id of a key, or `configuration`. `refused` says why the last configuration was refused.
    """

    order: list[str]
    configured: list[str]
    since: datetime
    set_by: str
    refused: str | None
