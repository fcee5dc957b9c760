"""What the client raises.

    ClientError
    ├── NotSendable              what was given cannot be written as JSON in UTF-8; nothing was sent
    ├── NoAnswer                 the service was not reached, or the connection broke
    ├── UnexpectedAnswer         what answered is not this service, or a newer one
    └── Refused                  the service answered with a problem (RFC 9457)
        ├── InvalidRequest       400, 408, 413, 415, 422: the request breaks a rule; `errors` names the fields
        ├── NotAuthenticated     401
        ├── NotAllowed           403
        ├── NotFound             404
        ├── Conflicting          409
        │   ├── LostCursor       begin the list again
        │   └── LostSession      what the session has written may be missing
        ├── Gone                 410: the memory was deleted
        ├── OtherVersion         412: the memory is not the version of `if_match`
        ├── NotServed            501
        ├── ServiceFailed        any other 5xx
        └── TemporarilyUnavailable   429, 502, 503, 504: try again after `retry_after` seconds

A write that ended in `NoAnswer` or `TemporarilyUnavailable` may have happened; the same call with the
`idempotency_key` of the error takes effect once.
"""

from ninaivalaigal.values import Facts, FieldFault, ProblemDetails

_SERVER_ERRORS = 500


class ClientError(Exception):
    """The base of everything that the client raises."""

    idempotency_key: str | None = None


class NotSendable(ClientError):
    """What was given cannot be written as JSON in UTF-8; nothing was sent."""


class NoAnswer(ClientError):
    """The service was not reached, or the connection broke; httpx's own error is the cause."""


class UnexpectedAnswer(ClientError):
    """What answered is not what the service's document says."""


class Refused(ClientError):
    """The service answered with a problem."""

    def __init__(self, problem: ProblemDetails, facts: Facts, retry_after: float | None = None) -> None:
        request = f" (request {problem.request_id})" if problem.request_id else ""
        super().__init__(f"{problem.status} {problem.title}: {problem.detail}{request}")
        self.problem, self.facts, self.retry_after = problem, facts, retry_after

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def type(self) -> str:
        """The kind of the problem, which never changes: `urn:ninai:problem:...`."""
        return self.problem.type

    @property
    def errors(self) -> tuple[FieldFault, ...]:
        """The fields of the request that break a rule."""
        return self.problem.errors


class InvalidRequest(Refused):
    """The request breaks a rule."""


class NotAuthenticated(Refused):
    """The key is missing or unknown."""


class NotAllowed(Refused):
    """The key belongs to another user, or has not the scope."""


class NotFound(Refused):
    """This user has no such memory."""


class Conflicting(Refused):
    """The Idempotency-Key was used for something else, or a list or session cannot go on."""


class LostCursor(Conflicting):
    """The list cannot go on where it stopped; begin it again."""


class LostSession(Conflicting):
    """What the session has written may be missing; read without it."""


class Gone(Refused):
    """The memory was deleted."""


class OtherVersion(Refused):
    """The memory has another version than `if_match` says; read it again."""


class NotServed(Refused):
    """The service does not offer that."""


class ServiceFailed(Refused):
    """The service failed; its log has the reason under the id of the request."""


class TemporarilyUnavailable(Refused):
    """The memories are not available now, or the service has more work than it can do."""


_BY_TYPE: dict[str, type[Refused]] = {
    "urn:ninai:problem:cursor-lost": LostCursor,
    "urn:ninai:problem:session-lost": LostSession,
}
_BY_STATUS: dict[int, type[Refused]] = {
    401: NotAuthenticated,
    403: NotAllowed,
    404: NotFound,
    409: Conflicting,
    410: Gone,
    412: OtherVersion,
    429: TemporarilyUnavailable,
    501: NotServed,
    502: TemporarilyUnavailable,
    503: TemporarilyUnavailable,
    504: TemporarilyUnavailable,
}


def refusal(problem: ProblemDetails, facts: Facts, retry_after: float | None) -> Refused:
    """Return the error of a problem, by its type or else by its status."""
    other = ServiceFailed if problem.status >= _SERVER_ERRORS else InvalidRequest
    kind = _BY_TYPE.get(problem.type) or _BY_STATUS.get(problem.status, other)
    return kind(problem, facts, retry_after)
