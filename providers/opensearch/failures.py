"""The translation of what servers refuse: statuses become our errors here, and nowhere else.

What an error says beyond its type may quote memories, so that it goes nowhere.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from providers.errors import ASK_AGAIN, Misconfigured, Throttled, TimedOut, Unavailable
from providers.wire.retry_after import seconds_of

MAX_RETRY_AFTER = 3600.0  # seconds; a longer wait is asked for by mistake
INDEX_IS_MISSING = "index_not_found_exception"
INDEX_EXISTS = "resource_already_exists_exception"
_REFUSES_US = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}
_TOO_LATE = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT}
_READ_ONLY = "cluster_block_exception"  # with the status of a wrong password: a full disk does it


class IndexMissing(Unavailable):
    """There is no index: nothing was written, and what was prepared is to be prepared anew."""


def failure_of(status: int, body: object, *, writes: bool, headers: Mapping[str, str] | None = None) -> Unavailable:
    """Return the error that a status means."""
    kind = type_of(body)
    said = f"(HTTP {status}, {kind})" if kind else f"(HTTP {status})"
    failure = Unavailable(f"the server fails {said}", ambiguous=writes, retry_after=ASK_AGAIN)
    if kind == _READ_ONLY:
        failure = Unavailable(f"the index is blocked, as by a full disk {said}", retry_after=ASK_AGAIN)
    elif status in _REFUSES_US:
        failure = Misconfigured(f"the server refuses user, password or key {said}")
    elif status == HTTPStatus.NOT_FOUND and kind == INDEX_IS_MISSING:
        failure = IndexMissing(f"the index is missing {said}", retry_after=ASK_AGAIN)
    elif status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = seconds_of((headers or {}).get("retry-after"), MAX_RETRY_AFTER)
        failure = Throttled(f"the server asks for patience {said}", retry_after=wait or ASK_AGAIN)
    elif status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        failure = Misconfigured(f"a request is larger than the server takes {said}: raise http.max_content_length")
    elif status in _TOO_LATE:
        failure = TimedOut(f"the server got no answer in time {said}", ambiguous=writes)
    elif status < HTTPStatus.INTERNAL_SERVER_ERROR:
        failure = Misconfigured(f"the server refuses a request {said}: are url and index right?")
    return failure


def type_of(body: object) -> str:
    """Return the type of the error in an answer, empty if none is told."""
    error: Any = body.get("error") if isinstance(body, dict) else None
    kind = error.get("type") if isinstance(error, dict) else None
    return kind if isinstance(kind, str) and kind.isidentifier() else ""
