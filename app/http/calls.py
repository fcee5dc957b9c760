"""The values that a handler receives of its request: the caller, the provider, and the ids of its writes.

One value for all of it, since the framework resolves several dependencies in a task group of their own, which costs
more than a small query.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request
from litestar.openapi.spec import OpenAPIType
from litestar.params import HeaderParameter, QueryParameter
from msgspec import Struct

from app.auth.allowed_users import USER_HEADER
from app.auth.naming import USER_FIELD, USER_HEADER_ENCODED, RequestUser, user_of
from app.http.admission.admitted import Charged, admission_of
from app.http.cursors import Cursors
from app.http.headers import (
    MAX_SESSION_CHARS,
    MAX_TIMEOUT_MS,
    SESSION_HEADER,
    TIMEOUT_HEADER,
    note_conditions,
    note_preferences,
)
from app.http.idempotency import HEADER, MAX_KEY_CHARS, WriteIds, check_keys
from app.http.lifetimes import Lifetime
from app.http.preconditions import IF_MATCH, IF_MATCH_PATTERN, expected_by
from app.http.preferences import PREFER_HEADER
from app.http.revalidation import IF_NONE_MATCH, known_to
from app.settings import Settings
from app.settings.expiry import ExpirySettings
from providers.base import MemoryProvider
from providers.keys.writing import Expected
from providers.limits import MAX_USER_ID_CHARS
from providers.owners import Owner


def _header(name: str, description: str, **schema: object) -> HeaderParameter:
    # The bounds are for the document alone: they count characters, and the framework would count the bytes of UTF-8.
    return HeaderParameter(name=name, description=description, schema_extra=schema)


_USER_TEXT = (
    f"The user whose memories are meant, in UTF-8; clients that cannot send it use `{USER_HEADER_ENCODED}` (RFC 8187)."
)
_USER = _header(USER_HEADER, _USER_TEXT, minLength=1, maxLength=MAX_USER_ID_CHARS)
_USER_IN_QUERY = QueryParameter(
    name=USER_FIELD,
    description=f"The same as `{USER_HEADER}`, in any script.",
    schema_extra={"minLength": 1, "maxLength": MAX_USER_ID_CHARS},
)
_KEY_TEXT = f"Makes the request safe to repeat: up to {MAX_KEY_CHARS} printable characters."
_KEY = _header(HEADER, _KEY_TEXT, minLength=1, maxLength=MAX_KEY_CHARS, pattern="^[ -~]+$")
_TIMEOUT_TEXT = f"Milliseconds that the caller waits, 1 to {MAX_TIMEOUT_MS}; up to the longest that is configured."
_TIMEOUT = _header(TIMEOUT_HEADER, _TIMEOUT_TEXT, type=OpenAPIType.INTEGER, minimum=1, maximum=MAX_TIMEOUT_MS)
_SESSION_TEXT = "The `Memory-Session` of the last write: the answer includes that write, or the request fails."
_SESSION = _header(SESSION_HEADER, _SESSION_TEXT, maxLength=MAX_SESSION_CHARS)

_WAIT_TEXT = "`wait=SECONDS` (RFC 7240): how long to wait for `stored` before `accepted`; `Preference-Applied` says so."
_WAIT = _header(PREFER_HEADER, _WAIT_TEXT, pattern="^wait=[0-9]{1,9}$")


_MATCH_TEXT = "The `ETag` of the memory: it is written only if it still has that version; `*` if it is there at all."
_MATCH = _header(IF_MATCH, _MATCH_TEXT, pattern=IF_MATCH_PATTERN)
_KNOWN_TEXT = "The `ETag`s of what the caller has, or `*`: 304 without a body if the memory is one of these."
_KNOWN = _header(IF_NONE_MATCH, _KNOWN_TEXT)


class ReadCall(Struct, frozen=True):
    """Describe a request that reads.

    `user` owns the memories, `recall_limit` is the configured default, and `most_bytes` bounds the answer. `admission`
    is charged the exact price before the provider is asked, and `cursors` lead from page to page; `now` is when the
    request came.
    """

    provider: MemoryProvider
    user: RequestUser
    recall_limit: int
    most_bytes: int
    admission: Charged
    cursors: Cursors
    now: datetime

    @property
    def owner(self) -> Owner:
        """The owner of the memories; known when the body was read."""
        return self.user.caller.owner


class RevalidatingCall(ReadCall, frozen=True):
    """Describe a request for one memory, of which its caller has the versions with the `known` tags already."""

    known: list[str]


class WriteCall(Struct, frozen=True):
    """Describe a request that writes.

    `user` owns the memories, `key` is the `Idempotency-Key`. `admission` is charged its exact price before the provider
    is asked; `now` is when the request came, and `expiry` is configured.
    """

    provider: MemoryProvider
    user: RequestUser
    key: str | None
    admission: Charged
    now: datetime
    expiry: ExpirySettings

    @property
    def owner(self) -> Owner:
        """The owner of the memories; known when the body was read."""
        return self.user.caller.owner

    @property
    def lifetime(self) -> Lifetime:
        """How long what is written may live; known when the body was read."""
        return self.expiry.lifetime(self.owner.tenant, self.now)

    @property
    def ids(self) -> WriteIds:
        """What mints the same ids again when the request is repeated."""
        return WriteIds(self.user.caller, self.key)


class ConditionalCall(WriteCall, frozen=True):
    """Describe a request that writes, perhaps only over the version of a memory that its caller expects."""

    expected: Expected


def read_call(request: Request[Any, Any, Any]) -> ReadCall:
    """Gather what a reading handler needs; raise `InvalidInput` if a header is malformed."""
    return ReadCall(*_parts_of_read(request))


def revalidating_call(request: Request[Any, Any, Any]) -> RevalidatingCall:
    """Gather what a handler needs that reads one memory; raise `InvalidInput` if a header is malformed."""
    return RevalidatingCall(*_parts_of_read(request), known_to(request))


def write_call(request: Request[Any, Any, Any]) -> WriteCall:
    """Gather what a writing handler needs; raise `InvalidInput` if a header is malformed."""
    return WriteCall(*_parts_of_write(request))


def conditional_call(request: Request[Any, Any, Any]) -> ConditionalCall:
    """Gather what a handler needs that writes conditionally; raise `InvalidInput` if a header is malformed."""
    return ConditionalCall(*_parts_of_write(request), expected_by(request))


def _parts_of_read(
    request: Request[Any, Any, Any],
) -> tuple[MemoryProvider, RequestUser, int, int, Charged, Cursors, datetime]:
    note_conditions(request)
    state = request.app.state
    settings: Settings = state.settings
    most_bytes = settings.limits.max_answer_bytes
    user, admission = user_of(request), admission_of(request.scope)
    return state.provider, user, settings.recall_limit, most_bytes, admission, state.cursors, datetime.now(UTC)


def _parts_of_write(
    request: Request[Any, Any, Any],
) -> tuple[MemoryProvider, RequestUser, str | None, Charged, datetime, ExpirySettings]:
    note_conditions(request)
    note_preferences(request)
    keys = request.headers.getall(HEADER, [])
    check_keys(keys)
    state = request.app.state
    now, expiry = datetime.now(UTC), state.settings.expiry
    key = keys[0] if keys else None
    return state.provider, user_of(request), key, admission_of(request.scope), now, expiry


async def provide_call(
    request: Request[Any, Any, Any],
    named: Annotated[str | None, _USER] = None,  # noqa: ARG001 - read by the guard already; this documents it
    named_in_query: Annotated[str | None, _USER_IN_QUERY] = None,  # noqa: ARG001 - as above
    patience_ms: Annotated[str | None, _TIMEOUT] = None,  # noqa: ARG001 - read as strictly as it is documented
    session: Annotated[str | None, _SESSION] = None,  # noqa: ARG001 - as above
) -> ReadCall:
    """Return `read_call` of a request, and document what it reads."""
    return read_call(request)


async def provide_revalidating_call(
    request: Request[Any, Any, Any],
    named: Annotated[str | None, _USER] = None,  # noqa: ARG001 - as above
    named_in_query: Annotated[str | None, _USER_IN_QUERY] = None,  # noqa: ARG001 - as above
    patience_ms: Annotated[str | None, _TIMEOUT] = None,  # noqa: ARG001 - as above
    session: Annotated[str | None, _SESSION] = None,  # noqa: ARG001 - as above
    known: Annotated[str | None, _KNOWN] = None,  # noqa: ARG001 - as above
) -> RevalidatingCall:
    """Return `revalidating_call` of a request, and document what it reads."""
    return revalidating_call(request)


async def provide_write_call(
    request: Request[Any, Any, Any],
    named: Annotated[str | None, _USER] = None,  # noqa: ARG001 - as above
    named_in_query: Annotated[str | None, _USER_IN_QUERY] = None,  # noqa: ARG001 - as above
    idempotency_key: Annotated[str | None, _KEY] = None,  # noqa: ARG001 - as above
    patience_ms: Annotated[str | None, _TIMEOUT] = None,  # noqa: ARG001 - as above
    preferences: Annotated[str | None, _WAIT] = None,  # noqa: ARG001 - as above
) -> WriteCall:
    """Return `write_call` of a request, and document what it reads."""
    return write_call(request)


async def provide_conditional_call(
    request: Request[Any, Any, Any],
    named: Annotated[str | None, _USER] = None,  # noqa: ARG001 - as above
    named_in_query: Annotated[str | None, _USER_IN_QUERY] = None,  # noqa: ARG001 - as above
    idempotency_key: Annotated[str | None, _KEY] = None,  # noqa: ARG001 - as above
    patience_ms: Annotated[str | None, _TIMEOUT] = None,  # noqa: ARG001 - as above
    preferences: Annotated[str | None, _WAIT] = None,  # noqa: ARG001 - as above
    match: Annotated[str | None, _MATCH] = None,  # noqa: ARG001 - as above
) -> ConditionalCall:
    """Return `conditional_call` of a request, and document what it reads."""
    return conditional_call(request)


# By what the framework calls, what gathers the same without it.
GATHERED: dict[Any, Callable[[Request[Any, Any, Any]], ReadCall | WriteCall]] = {
    provide_call: read_call,
    provide_revalidating_call: revalidating_call,
    provide_write_call: write_call,
    provide_conditional_call: conditional_call,
}
