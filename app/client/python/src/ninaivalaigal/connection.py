"""What both clients share: where the service is, who asks, and how a request is written."""

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec

import httpx

from ninaivalaigal.attempts import Retries
from ninaivalaigal.calls import Call, R
from ninaivalaigal.tracing import trace_headers

DEFAULT_URL = "http://127.0.0.1:8000"
LONGEST_ANSWER = 35.0  # seconds: the service answers the longest request after 30
FOLLOWED_SECONDS = 25  # that one look for changes waits, which is answered well before that
_MARGIN = 5.0  # seconds that an answer may be later than the time that a call names

P = ParamSpec("P")


class Connection:
    """What both clients share: where the service is, who asks, and how a request is written."""

    def __init__(self, base_url: str, key: str | None, user: str | None, retries: Retries) -> None:
        self.base_url, self.user, self.retries = base_url.rstrip("/"), user, retries
        self._key = key

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r}, user={self.user!r})"

    def request(self, http: httpx.Client | httpx.AsyncClient, call: Call[Any]) -> httpx.Request:
        """Return the request of a call, within the trace of the caller."""
        headers = call.headers(self.user) | trace_headers()
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        seconds = LONGEST_ANSWER if call.timeout is None else call.timeout + _MARGIN
        return http.build_request(
            call.method,
            self.base_url + call.path,
            params=dict(call.params),
            content=call.body,
            headers=headers,
            timeout=seconds,
        )


def signed(method: Callable[P, R], operation: Callable[..., Any]) -> Callable[P, R]:
    """Return a method that shows the parameters of its operation after `self`, as `help` and editors ask for."""
    signature = inspect.signature(operation)
    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    shown = signature.replace(
        parameters=[first, *signature.parameters.values()], return_annotation=inspect.Signature.empty
    )
    method.__signature__ = shown  # type: ignore[attr-defined]
    return method
