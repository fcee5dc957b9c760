"""The headers that answers carry, declared once and named by every answer that has them."""

from litestar.openapi.spec import OpenAPI, OpenAPIHeader, OpenAPIResponse, OpenAPIType, Reference, Schema

from app.http.headers import MAX_SESSION_CHARS, SESSION_HEADER
from app.http.openapi.walking import operations_of

_MEMORY, _PROBES = "/memory/", frozenset({"/memory/health", "/readyz"})


def _header(description: str, *, always: bool = False, **schema: object) -> OpenAPIHeader:
    return OpenAPIHeader(
        description=description,
        required=always,
        schema=Schema(**({"type": OpenAPIType.STRING} | schema)),  # type: ignore[arg-type] # names of its fields
    )


DECLARED = {
    "X-Request-ID": _header("The request's id in the log: the caller's own, if it sent one.", always=True),
    "Server-Timing": _header(
        "Milliseconds in all, in providers, in the journal, and of a recall in its parts.", always=True
    ),
    "Cache-Control": _header("`no-store`.", always=True),
    "X-Content-Type-Options": _header("`nosniff`.", always=True),
    "Memory-Provider": _header("The provider that answered."),
    "Memory-Consistency": _header("`strong`: the answer has every acknowledged write.", enum=["strong", "eventual"]),
    "Memory-Degraded": _header("Why the answer is less than it could be: words, separated by commas."),
    SESSION_HEADER: _header(
        "The session's position after this write, to be sent with reads.", max_length=MAX_SESSION_CHARS
    ),
    "ETag": _header(
        "The version of the memory, in quotes, to be sent as `If-Match` or `If-None-Match`.", pattern='^"[0-9]+"$'
    ),
    "Preference-Applied": _header("The seconds granted to `Prefer: wait`.", pattern="^wait=[0-9]+$"),
    "RateLimit-Policy": _header('The quotas that apply, each in a window of seconds: `"key";q=600;w=60`.'),
    "RateLimit": _header('What is left of them, and the seconds until all of it is: `"key";r=599;t=1`.'),
    "Retry-After": _header("Seconds after which to try again.", type=OpenAPIType.INTEGER, minimum=1),
    "WWW-Authenticate": _header("How to show a key."),
}
_ALWAYS = ("X-Request-ID", "Server-Timing", "Cache-Control", "X-Content-Type-Options")
_OF_MEMORIES = ("Memory-Provider", "Memory-Consistency", "Memory-Degraded", "RateLimit-Policy", "RateLimit")
# Operations that answer about one memory.
_VERSIONED = frozenset({"remember", "getMemory", "updateMemory", "putByKey", "getByKey", "putKey", "getKey"})
_OF_WRITES = (SESSION_HEADER, "Preference-Applied")
_SUCCESSES = frozenset({"200", "202"})
_WITH_VERSION = frozenset({*_SUCCESSES, "304"})
_UNAUTHENTICATED, _COME_BACK = "401", frozenset({"429", "503"})


def declare_headers(document: OpenAPI) -> None:
    """Name the headers of every answer; those of a write are those of an operation that takes `Prefer`."""
    for _, path, operation in operations_of(document):
        asked = {parameter.name for parameter in operation.parameters or () if not isinstance(parameter, Reference)}
        for status, answer in (operation.responses or {}).items():
            if isinstance(answer, OpenAPIResponse):
                names = _names_of(path, status, writes="Prefer" in asked)
                if operation.operation_id in _VERSIONED and status in _WITH_VERSION:
                    names.append("ETag")
                answer.headers = {name: Reference(f"#/components/headers/{name}") for name in names}


def _names_of(path: str, status: str, *, writes: bool) -> list[str]:
    names = [*_ALWAYS]
    if path in _PROBES:
        return names
    if path.startswith(_MEMORY):
        names += _OF_MEMORIES
        if writes and status in _SUCCESSES:
            names += _OF_WRITES
    if status in _COME_BACK:
        names.append("Retry-After")
    elif status == _UNAUTHENTICATED:
        names.append("WWW-Authenticate")
    return names
