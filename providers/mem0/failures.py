"""The translation of mem0's refusals: what its statuses mean to us is said here, and nowhere else."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from providers.errors import InvalidInput, Misconfigured, ProviderError, Throttled, TimedOut, Unavailable
from providers.wire.retry_after import seconds_of

MAX_RETRY_AFTER = 3600.0  # seconds; a longer wait is asked for by mistake
_REFUSES_US = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PAYMENT_REQUIRED}
_WRONG_PLACE = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE}
_BAD_BODY = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
_REFUSES_INPUT = {HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, *_BAD_BODY}
_ASKS_FOR_PATIENCE = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_TOO_LATE = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT}

# mem0's server, on what its language or embedding model has answered.
_STATUS_OF_CODE = {
    "provider_auth_failed": HTTPStatus.BAD_GATEWAY,  # its key, not ours: an outage, which its operator ends
    "provider_bad_request": HTTPStatus.UNPROCESSABLE_ENTITY,  # the text cannot be embedded, now or later
    "provider_rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "provider_timeout": HTTPStatus.GATEWAY_TIMEOUT,
}

# What a server's own router says of a path that it does not know; mem0 says something else of an unknown memory.
_ROUTER_SAYS = {"", "not found", "404 not found"}


def failure_of(status: int, headers: Mapping[str, str], *, writes: bool, code: str | None = None) -> ProviderError:
    """Return the error that a status means; the text of the answer may quote memories, so that it goes nowhere.

    `code` is the name that mem0's server gives to what it failed with; it says more than the status, 502.
    """
    said = f"(HTTP {status}, {code})" if code in _STATUS_OF_CODE else f"(HTTP {status})"
    status = _STATUS_OF_CODE.get(code or "", status)
    failure: ProviderError = Unavailable(f"mem0 fails {said}", ambiguous=writes)
    if status in _REFUSES_US:
        failure = Misconfigured(f"mem0 refuses the key {said}")
    elif HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        failure = Misconfigured(f"mem0 redirects elsewhere {said}: is base_url right, https included?")
    elif status in _WRONG_PLACE:
        failure = wrong_place(status)
    elif status in _REFUSES_INPUT:
        failure = InvalidInput("content", f"mem0 refuses it {said}")
    elif status in _TOO_LATE:
        failure = TimedOut(f"mem0 got no answer in time {said}", ambiguous=writes)
    elif status in _ASKS_FOR_PATIENCE and (status == HTTPStatus.TOO_MANY_REQUESTS or "retry-after" in headers):
        wait = seconds_of(headers.get("retry-after"), MAX_RETRY_AFTER)
        failure = Throttled(f"mem0 asks for patience {said}", retry_after=wait)
    return failure


def wrong_place(status: int) -> Misconfigured:
    """Return the error that an answer from a server without such a path means."""
    return Misconfigured(f"no mem0 answers there (HTTP {status}): are base_url and dialect right?")


def says_no_such_memory(body: object) -> bool:
    """Return whether a 404 is about the memory, and not from a server that knows no such path."""
    text = _message_of(body)
    return text is not None and text.strip(" .").lower() not in _ROUTER_SAYS


def _message_of(body: object) -> str | None:
    """Find the text of an error in any of the shapes in which mem0 sends it."""
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, str):
        return body
    shapes: dict[str, Any] = body if isinstance(body, dict) else {}
    texts = (shapes.get(key) for key in ("detail", "error", "message"))
    return next((text for text in texts if isinstance(text, str)), None)
