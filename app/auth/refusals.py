"""Refusals of callers: what the caller is told, and the reason by which the log and the metrics tell them apart."""

from types import TracebackType
from typing import Literal

from app.http.problems import BAD_REQUEST, FORBIDDEN, UNAUTHENTICATED, UNAVAILABLE, ProblemType, RequestError
from observability.metrics import Metrics
from observability.notes import current

# `several` credentials, or `missing` ones; `malformed` is no whole key or token; `early` is a token that does not count
# yet, and `issuer` one whose issuer's keys are not known yet; `replayed` is a signature that was used before; `user` is
# one whom the caller does not speak for, and `tenant` one that is not served.
Reason = Literal[
    "several",
    "missing",
    "malformed",
    "unknown",
    "expired",
    "early",
    "revoked",
    "issuer",
    "replayed",
    "session",
    "scope",
    "user",
    "tenant",
]
# What somebody who guesses meets, and is slowed down for.
FAILED_LOGINS: frozenset[Reason] = frozenset({"malformed", "unknown", "expired", "revoked"})
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="ninai"'}
_KINDS: dict[Reason, ProblemType] = {
    "several": BAD_REQUEST,
    "issuer": UNAVAILABLE,
    "scope": FORBIDDEN,
    "user": FORBIDDEN,
    "tenant": FORBIDDEN,
}
_HEADERS = {UNAUTHENTICATED: CHALLENGE, UNAVAILABLE: {"Retry-After": "1"}}


class CallerRefused(RequestError):
    """Signal that a caller is not known or not allowed to do that; `caller` is its id, as far as it is proven."""

    def __init__(self, reason: Reason, detail: str, *, caller: str | None = None, field: str | None = None) -> None:
        kind = _KINDS.get(reason, UNAUTHENTICATED)
        super().__init__(kind, detail, field, _HEADERS.get(kind))
        self.reason, self.caller = reason, caller


def counted(metrics: Metrics) -> "_Counted":
    """Return a context that counts the refusal of a caller, and notes the reason for the log."""
    return _Counted(metrics)


class _Counted:
    """Written out, since every request enters one: made from a generator it takes five times as long."""

    __slots__ = ("_metrics",)

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Count what is raised, if it is a refusal."""
        if isinstance(error, CallerRefused):
            count_refusal(self._metrics, error)


def count_refusal(metrics: Metrics, refused: CallerRefused) -> None:
    """Count one refusal of a caller, and note the reason for the log."""
    metrics.auth_refusals.labels(refused.reason).inc()
    if (notes := current.get()) is not None:
        notes.refused = refused.reason
        notes.caller = notes.caller or refused.caller
