"""The values that a handler receives of its request: the caller, the provider, and the ids of its writes.

One value for all of it, since the framework resolves several dependencies in a task group of their own, which costs
more than a small query.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request
from litestar.params import HeaderParameter
from msgspec import Struct

from app.auth.allowed_users import USER_HEADER
from app.auth.caller import Caller
from app.http.admission.admitted import Charged, admission_of
from app.http.headers import (
    MAX_SESSION_CHARS,
    MAX_TIMEOUT_MS,
    SESSION_HEADER,
    TIMEOUT_HEADER,
    TIMEOUT_PATTERN,
    note_conditions,
    note_preferences,
)
from app.http.idempotency import HEADER, MAX_KEY_CHARS, WriteIds, check_keys
from app.http.preferences import PREFER_HEADER
from app.http.problems import FORBIDDEN, RequestError
from app.settings import Settings
from app.settings.model import TenantSettings
from providers.base import MemoryProvider
from providers.limits import MAX_USER_ID_CHARS
from providers.types import DEFAULT_TENANT, Owner


def _header(name: str, description: str, **schema: object) -> HeaderParameter:
    # The bounds are for the document alone: they count characters, and the framework would count the bytes of UTF-8.
    return HeaderParameter(name=name, description=description, schema_extra=schema)


_USER = _header(USER_HEADER, "The user whose memories are meant, in UTF-8.", minLength=1, maxLength=MAX_USER_ID_CHARS)
_KEY_TEXT = f"Makes the request safe to repeat: up to {MAX_KEY_CHARS} printable characters."
_KEY = _header(HEADER, _KEY_TEXT, minLength=1, maxLength=MAX_KEY_CHARS, pattern="^[ -~]+$")
_TIMEOUT_TEXT = f"Milliseconds that the caller waits, 1 to {MAX_TIMEOUT_MS}; up to the longest that is configured."
_TIMEOUT = _header(TIMEOUT_HEADER, _TIMEOUT_TEXT, pattern=TIMEOUT_PATTERN)
_SESSION_TEXT = "The `Memory-Session` of the last write: the answer includes that write, or the request fails."
_SESSION = _header(SESSION_HEADER, _SESSION_TEXT, maxLength=MAX_SESSION_CHARS)

_WAIT_TEXT = "`wait=SECONDS` (RFC 7240): how long to wait for `stored` before `accepted`; `Preference-Applied` says so."
_WAIT = _header(PREFER_HEADER, _WAIT_TEXT, pattern="^wait=[0-9]{1,9}$")


class ReadCall(Struct, frozen=True):
    """Describe a request that reads.

    `owner` owns the memories, `recall_limit` is the configured default, and `most_bytes` bounds the answer. `admission`
    is charged the exact price before the provider is asked.
    """

    provider: MemoryProvider
    owner: Owner
    recall_limit: int
    most_bytes: int
    admission: Charged


class WriteCall(Struct, frozen=True):
    """Describe a request that writes: `ids` mints the same ids again when the request is repeated.

    `admission` is charged its exact price before the provider is asked; `now` is when the request came.
    """

    provider: MemoryProvider
    owner: Owner
    ids: WriteIds
    admission: Charged
    now: datetime


async def provide_call(
    request: Request[Any, Any, Any],
    user_id: Annotated[str | None, _USER] = None,  # noqa: ARG001 - read by the guard already; this documents it
    patience_ms: Annotated[str | None, _TIMEOUT] = None,  # noqa: ARG001 - read below as strictly as it is documented
    session: Annotated[str | None, _SESSION] = None,  # noqa: ARG001 - as above
) -> ReadCall:
    """Gather what a reading handler needs; raise `InvalidInput` if a header is malformed."""
    note_conditions(request)
    state = request.app.state
    caller: Caller = request.state.caller
    settings: Settings = state.settings
    most_bytes = settings.limits.max_answer_bytes
    owner = admitted_owner(caller, settings.tenants)
    return ReadCall(state.provider, owner, settings.recall_limit, most_bytes, admission_of(request.scope))


async def provide_write_call(
    request: Request[Any, Any, Any],
    user_id: Annotated[str | None, _USER] = None,  # noqa: ARG001 - as above
    idempotency_key: Annotated[str | None, _KEY] = None,
    patience_ms: Annotated[str | None, _TIMEOUT] = None,  # noqa: ARG001 - as above
    preferences: Annotated[str | None, _WAIT] = None,  # noqa: ARG001 - as above
) -> WriteCall:
    """Gather what a writing handler needs; raise `InvalidInput` if a header is malformed."""
    note_conditions(request)
    note_preferences(request)
    check_keys(request.headers.getall(HEADER, []))
    caller: Caller = request.state.caller
    ids = WriteIds(caller, idempotency_key)
    now = datetime.now(UTC)
    owner = admitted_owner(caller, request.app.state.settings.tenants)
    return WriteCall(request.app.state.provider, owner, ids, admission_of(request.scope), now)


def admitted_owner(caller: Caller, tenants: TenantSettings) -> Owner:
    """Return the owner whom a caller means.

    Raises:
        RequestError: it is of another tenant than the default one, and this service has no others yet.
    """
    owner = caller.owner
    if owner.tenant != DEFAULT_TENANT and not tenants.enabled:
        raise RequestError(FORBIDDEN, f'The tenant "{owner.tenant}" is not served here: tenants are not enabled')
    return owner
