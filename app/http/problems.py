"""Conversion of an error into an RFC 9457 problem: the only place that knows HTTP statuses."""

from collections.abc import Mapping
from functools import partial
from math import ceil
from typing import Any, TypeVar

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from app.http.parameter_choices import name_choices
from observability.http import method_of, route_of
from observability.notes import current
from providers import errors
from providers.chain.errors import NoTimeLeft
from providers.errors import InvalidInput, Unavailable

MEDIA_TYPE = "application/problem+json"
STATUS_ACCEPTED = 202
# Errors quote little of a request; these limits are for errors that forget it, and for the framework.
MAX_FIELD_CHARS = 256
MAX_DETAIL_CHARS = 2_000
STATUS_CLIENT_ERRORS = 400
STATUS_SERVER_ERRORS = 500

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class FieldProblem(Struct, frozen=True):
    """Name one field of the request that breaks a rule, and the rule."""

    field: str
    detail: str


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Describe what went wrong (RFC 9457).

    `type` names the kind of problem and never changes, unlike the words; `request_id` finds the request in the log.
    """

    type: str
    title: str
    status: int
    detail: str
    request_id: str | None = None
    errors: list[FieldProblem] = []


class ProblemType(Struct, frozen=True):
    """Define a kind of problem: its status, the last part of its type, and its title."""

    status: int
    name: str
    title: str


INVALID_INPUT = ProblemType(422, "invalid-input", "The request breaks a rule")
TOO_DEAR = ProblemType(422, "too-dear", "The request costs too much")
ANSWER_TOO_LARGE = ProblemType(422, "answer-too-large", "The answer would be too large")
MALFORMED_BODY = ProblemType(400, "malformed-body", "The body is not JSON")
BAD_REQUEST = ProblemType(400, "bad-request", "The request cannot be understood")
UNAUTHENTICATED = ProblemType(401, "unauthenticated", "The caller is not authenticated")
FORBIDDEN = ProblemType(403, "forbidden", "The caller is not allowed to do that")
QUOTA_EXCEEDED = ProblemType(403, "quota-exceeded", "The user or its tenant holds as much as it may")
NOT_FOUND = ProblemType(404, "not-found", "There is no such resource")
MEMORY_NOT_FOUND = ProblemType(404, "memory-not-found", "There is no such memory")
UNKNOWN_PROVIDER = ProblemType(404, "unknown-provider", "There is no such provider in the order")
NO_JOURNAL = ProblemType(404, "no-journal", "There is no journal")
DEAD_LETTER_NOT_FOUND = ProblemType(404, "dead-letter-not-found", "There is no such dead letter")
ERASURE_NOT_FOUND = ProblemType(404, "erasure-not-found", "There is no such erasure")
METHOD_NOT_ALLOWED = ProblemType(405, "method-not-allowed", "This resource does not take that method")
CONFLICT = ProblemType(409, "conflict", "The key was used for something else")
CURSOR_LOST = ProblemType(409, "cursor-lost", "The list cannot go on where it stopped")
ANOTHER_STORE = ProblemType(409, "another-store", "The store behind a provider is another one")
USER_ERASED = ProblemType(409, "user-erased", "The user was erased meanwhile")
KEY_TAKEN = ProblemType(409, "key-taken", "Another memory has the key")
SESSION_LOST = ProblemType(409, "session-lost", "What the session has written may be missing")
ORDER_REFUSED = ProblemType(409, "order-refused", "This order cannot be put in force")
MEMORY_DELETED = ProblemType(410, "memory-deleted", "The memory was deleted")
REQUEST_TIMEOUT = ProblemType(408, "request-timeout", "The body came too slowly")
VERSION_NOT_FOUND = ProblemType(404, "version-not-found", "The memory has no such version in its history")
VERSION_MISMATCH = ProblemType(412, "version-mismatch", "The memory has another version")
TOO_LARGE = ProblemType(413, "too-large", "The body is too large")
RATE_LIMITED = ProblemType(429, "rate-limited", "The caller, its user or its tenant has asked too much")
UNSUPPORTED_MEDIA_TYPE = ProblemType(415, "unsupported-media-type", "The body must be JSON")
INTERNAL = ProblemType(500, "internal", "The service failed")
NOT_SERVED = ProblemType(501, "not-served", "The service does not offer that")
UNSUPPORTED = ProblemType(501, "unsupported", "The provider cannot do that")
READ_ONLY = ProblemType(503, "read-only", "The service takes no writes now")
QUARANTINE_NOT_FOUND = ProblemType(404, "quarantine-not-found", "There is no such quarantine")
QUARANTINE_NOT_SAVED = ProblemType(503, "quarantine-not-saved", "The quarantine cannot be saved")
MODE_NOT_SET = ProblemType(503, "mode-not-set", "The mode cannot be saved")
METRICS_LATE = ProblemType(503, "metrics-late", "The metrics are not available now")
UNAVAILABLE = ProblemType(503, "unavailable", "The memories are not available now")
OVERLOADED = ProblemType(503, "overloaded", "The service has more work than it can do")

# By the nearest class in the error's MRO.
_KINDS: dict[type[BaseException], ProblemType] = {
    InvalidInput: INVALID_INPUT,
    errors.MemoryNotFound: MEMORY_NOT_FOUND,
    errors.MemoryDeleted: MEMORY_DELETED,
    errors.OwnerErased: USER_ERASED,
    errors.Conflict: CONFLICT,
    errors.VersionMismatch: VERSION_MISMATCH,
    errors.KeyTaken: KEY_TAKEN,
    errors.CursorLost: CURSOR_LOST,
    errors.FeedLost: CURSOR_LOST,
    errors.SessionLost: SESSION_LOST,
    errors.AnswerTooLarge: ANSWER_TOO_LARGE,
    errors.QuotaExceeded: QUOTA_EXCEEDED,
    Unavailable: UNAVAILABLE,
    errors.Unsupported: UNSUPPORTED,
    NotFoundException: NOT_FOUND,
    MethodNotAllowedException: METHOD_NOT_ALLOWED,
}
# The detail of an `Unavailable` for the client: the reason itself may name hosts, roles and tables.
_UNAVAILABLE_DETAILS: dict[type[BaseException], str] = {
    errors.TimedOut: "No answer in time.",
    NoTimeLeft: "No time was left for it.",
    errors.Throttled: "The backend accepts no more requests for now.",
    errors.Misconfigured: "The backend is not set up correctly; the operator finds the reason in the log.",
    Unavailable: "The backend cannot be reached.",
}
_MAY_HAVE_BEEN_DONE = " The operation may or may not have happened; the same request can be repeated."
_BY_STATUS = {kind.status: kind for kind in (BAD_REQUEST, UNAUTHENTICATED, FORBIDDEN, TOO_LARGE)}


def urn(kind: ProblemType) -> str:
    """Return the type of a problem as a client sees it."""
    return f"urn:ninai:problem:{kind.name}"


class RequestError(Exception):
    """Signal a request that cannot be served, with the kind of problem."""

    def __init__(
        self, kind: ProblemType, detail: str, field: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.field = kind, detail, field
        self.headers = headers or {}


def problem_of(error: Exception) -> Problem:
    """Describe an error to a client; words that are not known to be harmless are not quoted."""
    if isinstance(error, RequestError):
        return _problem(error.kind, error.detail, [FieldProblem(error.field, error.detail)] if error.field else None)
    if isinstance(error, InvalidInput):
        field = FieldProblem(error.field, error.reason)
        return _problem(INVALID_INPUT, str(error), [field])
    if isinstance(error, Unavailable):
        detail = _nearest(_UNAVAILABLE_DETAILS, error) or ""
        return _problem(UNAVAILABLE, detail + _MAY_HAVE_BEEN_DONE if error.ambiguous else detail)
    if isinstance(error, HTTPException):
        return _of_framework(error)
    kind = _nearest(_KINDS, error)
    return _problem(kind, str(error)) if kind else _problem(INTERNAL, "The log has the details under the request id.")


def problem_in_batch(fault: Exception | Problem) -> Problem:
    """Return the problem with one item of a batch."""
    return fault if isinstance(fault, Problem) else problem_of(fault)


def respond(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer with the problem, and log what an operator must know."""
    name_choices(request, error)
    problem = logged_problem(error, request.method, request.scope.get("path_template"))
    return Response(problem, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers_of(error))


def logged_problem(error: Exception, method: str, template: str | None) -> Problem:
    """Describe an error to a client, and log what an operator must know; `template` is that of the route."""
    problem = problem_of(error)
    notes = current.get()
    if isinstance(error, Unavailable):
        if notes is not None:
            notes.failure = shortened(error.reason, MAX_DETAIL_CHARS)
        _log.warning(
            "unavailable",
            kind=type(error).__name__,
            reason=error.reason,
            ambiguous=error.ambiguous,
            method=method_of(method),
            route=route_of(template),
            providers=notes.outcomes if notes is not None else {},
        )
    elif problem.status == INTERNAL.status and not isinstance(error, RequestError):
        _log.error("internal_error", exc_info=error)
    return problem


def headers_of(error: Exception) -> dict[str, str]:
    """Return the headers that go with the answer to an error."""
    headers = dict(error.headers or {}) if isinstance(error, (RequestError, HTTPException)) else {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(max(1, ceil(error.retry_after or errors.ASK_AGAIN)))
    return headers


def described(*kinds: ProblemType, accepted: Any = None) -> dict[int, ResponseSpec]:  # noqa: ANN401 - a type, or a union of types
    """Document an operation's problems, and its answer to a write that is durable, but not confirmed yet."""
    titles: dict[int, list[str]] = {}
    for kind in kinds:
        titles.setdefault(kind.status, []).append(kind.title)
    document = partial(ResponseSpec, generate_examples=False)
    responses = {
        status: document(Problem, description="; or: ".join(texts), media_type=MEDIA_TYPE)
        for status, texts in titles.items()
    }
    if accepted is not None:
        said = "Durable, and found from now on; the first provider has not confirmed it yet"
        responses[STATUS_ACCEPTED] = document(accepted, description=said)
    return responses


def _of_framework(error: HTTPException) -> Problem:
    """Describe what Litestar itself refuses: unknown paths and methods, undecodable parameters, bodies too large."""
    if isinstance(error.extra, list) and error.extra and error.status_code == STATUS_CLIENT_ERRORS:
        fields = [_field_of(one) for one in error.extra]
        return _problem(INVALID_INPUT, "; ".join(f"{one.field}: {one.detail}" for one in fields), fields)
    if error.status_code >= STATUS_SERVER_ERRORS:
        return _problem(INTERNAL, "The log has the details under the request id.")
    kind = _nearest(_KINDS, error) or _BY_STATUS.get(error.status_code, BAD_REQUEST)
    return _problem(kind, error.detail or kind.title)


def _field_of(message: Mapping[str, str]) -> FieldProblem:
    key, text = message.get("key", "request"), message.get("message", "is not valid")
    if key == "data":  # the framework's name for a body, here an absent one
        return FieldProblem("body", "is required")
    return FieldProblem(key, text.replace("`", ""))


def _problem(kind: ProblemType, detail: str, errors: list[FieldProblem] | None = None) -> Problem:
    notes = current.get()
    return Problem(
        type=urn(kind),
        title=kind.title,
        status=kind.status,
        detail=shortened(detail, MAX_DETAIL_CHARS),
        request_id=notes.request_id if notes else None,
        errors=[
            FieldProblem(shortened(one.field, MAX_FIELD_CHARS), shortened(one.detail, MAX_DETAIL_CHARS))
            for one in errors or []
        ],
    )


def shortened(text: str, most_chars: int) -> str:
    """Return the beginning of a text that is too long, and three dots."""
    return text if len(text) <= most_chars else text[:most_chars] + "..."


def _nearest(table: Mapping[type[BaseException], T], error: Exception) -> T | None:
    return next((table[base] for base in type(error).__mro__ if base in table), None)
