"""The translation of Pinecone's refusals: what its statuses mean to us is said here, and nowhere else.

What an error says beyond its number may quote memories, so that it goes nowhere.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from providers.errors import ASK_AGAIN, Misconfigured, Throttled, TimedOut, Unavailable
from providers.wire.retry_after import seconds_of

MAX_RETRY_AFTER = 3600.0  # seconds; a longer wait is asked for by mistake

_NOT_FOUND = 5  # among the numbers of gRPC, which stand in the bodies of errors
_REFUSES_US = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PAYMENT_REQUIRED}
_WRONG_PLACE = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE}
_TOO_LATE = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT}


def failure_of(status: int, headers: Mapping[str, str], body: Mapping[str, Any] | None, *, writes: bool) -> Unavailable:
    """Return the error that a status means."""
    code = None if body is None else body.get("code")
    said = f"(HTTP {status}, code {code})" if isinstance(code, int) else f"(HTTP {status})"
    failure = Unavailable(f"Pinecone fails {said}", ambiguous=writes, retry_after=ASK_AGAIN)
    if status in _REFUSES_US:
        failure = Misconfigured(f"Pinecone refuses the key, or the project is over its quota {said}")
    elif status in _WRONG_PLACE:
        failure = Misconfigured(f"no index of Pinecone answers there {said}: is host right?")
    elif status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = seconds_of(headers.get("retry-after"), MAX_RETRY_AFTER)
        failure = Throttled(f"Pinecone asks for patience {said}", retry_after=wait or ASK_AGAIN)
    elif status in _TOO_LATE:
        failure = TimedOut(f"Pinecone got no answer in time {said}", ambiguous=writes)
    elif status < HTTPStatus.BAD_REQUEST:
        failure = Misconfigured(f"Pinecone redirects elsewhere {said}: is host right, https included?")
    elif status < HTTPStatus.INTERNAL_SERVER_ERROR:
        failure = Misconfigured(f"Pinecone refuses a request {said}: is it a serverless index of vectors?")
    return failure


def lacks_namespace(status: int, body: Mapping[str, Any] | None) -> bool:
    """Return whether a status is about a namespace to which nothing was written yet, and not about the address."""
    if status != HTTPStatus.NOT_FOUND or body is None or body.get("code") != _NOT_FOUND:
        return False
    message = body.get("message")
    return isinstance(message, str) and "namespace" in message.lower()
