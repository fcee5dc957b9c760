"""The wrapper around the whole application that sees every request: id, access line, metrics, trace, headers."""

import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from random import getrandbits
from time import perf_counter
from typing import Any

import structlog

from observability.callers import CallerHistory
from observability.metrics import Metrics
from observability.notes import Notes, current
from observability.tracing import NOTHING, Kind, Span, Tracer

# The types of ASGI 3.0, which leaves messages and scopes open.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
# Takes what is known of a request at its end: scope, notes, method, route and status.
Record = Callable[[Scope, Notes, str, str, int], None]

UNMATCHED = "unmatched"
_CLIENT_GONE = 499  # nginx's status for a client that closed before the answer
_OUR_FAULT = 500  # this status and above
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PROBES = frozenset({"/livez", "/readyz", "/metrics", "/memory/health"})
# What an open page of the console requests again and again, and what each page loads with it.
_REFRESHED = frozenset({"/console", "/console/files/{name}"})
_REFUSED = 400  # this status and above
_NOT_KEPT = (b"cache-control", b"no-store")
_NO_GUESSING = ((b"x-content-type-options", b"nosniff"),)
_STRICT_TRANSPORT = (*_NO_GUESSING, (b"strict-transport-security", b"max-age=31536000"))

_log = structlog.get_logger("ninai.access")


class Observed:
    """Add to every request an id, a metric, one line in the log, a span if it is traced, and headers to its response.

    Browsers are told to guess no types, and after TLS to come back by it alone. An `X-Request-ID` of up to 128 harmless
    characters is taken over from the client, otherwise one is made. A response that does not say whether it may be
    cached (`Cache-Control`) must not be cached. `record` is told of every request but those that come every few seconds
    by themselves, and of what it did to whose memories: of their ids only if it `remembers` them.
    """

    def __init__(
        self,
        app: AsgiApp,
        metrics: Metrics,
        tracer: Tracer | None = None,
        record: Record | None = None,
        callers: CallerHistory | None = None,
        *,
        remembers: bool = True,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._callers = callers
        self._tracer = tracer or Tracer()
        self._record = record
        self._remembers = remembers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection on; anything but HTTP is passed on unseen."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        notes = Notes(_request_id(scope))
        if self._record is not None:
            notes.deeds = []
            notes.memories = [] if self._remembers else None
        token = current.set(notes)
        status = _CLIENT_GONE
        secure = came_over_tls(scope)

        def send_observed(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = message.get("headers", ())
                kept = () if _NOT_KEPT[0] in dict(own) else (_NOT_KEPT,)
                guarding = _STRICT_TRANSPORT if secure else _NO_GUESSING
                message["headers"] = [*own, *kept, *guarding, *_headers(notes, perf_counter() - started)]
            return send(message)

        self._metrics.http_in_flight.inc()
        with self._span(scope) as span:
            try:
                await self._app(scope, receive, send_observed)
            finally:
                self._metrics.http_in_flight.dec()
                self._finish(scope, status, perf_counter() - started, notes, span)
                current.reset(token)

    def _span(self, scope: Scope) -> Span:
        if not self._tracer.on:
            return NOTHING
        known = scope["method"] in _METHODS
        attributes = {
            "http.request.method": scope["method"] if known else "_OTHER",
            "url.scheme": scope.get("scheme", "http"),
            "network.protocol.version": scope.get("http_version", "1.1"),
        }
        name = scope["method"] if known else "HTTP"
        return self._tracer.root(name, Kind.SERVER, attributes, _traceparent(scope))

    def _finish(self, scope: Scope, status: int, seconds: float, notes: Notes, span: Span) -> None:
        route, method = route_of(scope.get("path_template")), method_of(scope["method"])
        self._metrics.observe_request(method, route, status, seconds)
        if self._callers is not None:
            self._callers.add(method, route, status, seconds, notes)
        if span.recorded:
            _describe(span, method, route, status)
        quiet = _is_quiet(method, route, status)
        if self._record is not None and not quiet:
            self._record(scope, notes, method, route, status)
        write = _log.debug if quiet else _log.info
        write(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            caller=notes.caller,
            client=_client_of(scope),
            provider=notes.provider,
            **({"degraded": notes.degraded} if notes.degraded else {}),
            **({"shed": notes.shed} if notes.shed else {}),
            **({"refused": notes.refused} if notes.refused else {}),
        )


def route_of(template: str | None) -> str:
    """Return the route that the router found; a path that matched nothing becomes neither a label nor a line."""
    return template or UNMATCHED


def method_of(method: str) -> str:
    """Return the method, or `OTHER` if it is not a known one."""
    return method if method in _METHODS else "OTHER"


def came_over_tls(scope: Mapping[str, Any]) -> bool:
    """Return whether the client spoke TLS, to the service or, as `X-Forwarded-Proto` says, to a proxy in front.

    A client that forges the header only makes its own browser more careful.
    """
    if scope.get("scheme") == "https":
        return True
    for name, said in scope["headers"]:
        if name == b"x-forwarded-proto":
            return bool(said.partition(b",")[0].strip().lower() == b"https")
    return False


def _client_of(scope: Scope) -> str | None:
    client = scope.get("client")
    return str(client[0]) if client else None


def _is_quiet(method: str, route: str, status: int) -> bool:
    """Return whether a request is one of those that come every few seconds by themselves."""
    return route in _PROBES or (route in _REFRESHED and method in {"GET", "HEAD"} and status < _REFUSED)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return f"{getrandbits(128):032x}"  # a name, and no secret: the kernel's random bytes take ten times as long


def _traceparent(scope: Scope) -> str | None:
    """Return the trace context that the caller sent, None if it sent several: none of them can be trusted."""
    sent = [value for name, value in scope["headers"] if name == b"traceparent"]
    return str(sent[0], "latin-1") if len(sent) == 1 else None


def _describe(span: Span, method: str, route: str, status: int) -> None:
    if route != UNMATCHED:
        span.set("http.route", route)
        span.rename(f"{'HTTP' if method == 'OTHER' else method} {route}")
    if status != _CLIENT_GONE:
        span.set("http.response.status_code", status)
    if status >= _OUR_FAULT:
        span.fail(str(status))


def _headers(notes: Notes, seconds: float) -> list[tuple[bytes, bytes]]:
    timing = f"total;dur={seconds * 1000:.2f}"
    headers = [(b"x-request-id", notes.request_id.encode())]
    if notes.provider is not None:
        headers.append((b"memory-provider", notes.provider.encode()))
        headers.append((b"memory-consistency", b"eventual" if notes.eventual else b"strong"))
        timing += f", provider;dur={notes.provider_seconds * 1000:.2f}"
    if notes.journal_seconds:
        timing += f", journal;dur={notes.journal_seconds * 1000:.2f}"
    for part, part_seconds in notes.parts.items():
        timing += f", {part};dur={part_seconds * 1000:.2f}"
    if notes.degraded:
        headers.append((b"memory-degraded", ", ".join(notes.degraded).encode()))
    if notes.token is not None:
        headers.append((b"memory-session", notes.token.encode()))
    if notes.wait is not None:
        headers.append((b"preference-applied", f"wait={notes.wait:g}".encode()))
    if notes.rates:
        # draft-ietf-httpapi-ratelimit-headers: lists of structured fields (RFC 9651), with the names of policies.
        policies = ", ".join(f'"{name}";q={rate.quota};w={rate.window}' for name, rate in notes.rates.items())
        left = ", ".join(f'"{name}";r={rate.left};t={rate.reset}' for name, rate in notes.rates.items())
        headers += [(b"ratelimit-policy", policies.encode()), (b"ratelimit", left.encode())]
    return [*headers, (b"server-timing", timing.encode())]
