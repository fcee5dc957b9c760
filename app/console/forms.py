"""Forms as browsers send them, read as strictly as the bodies of the API."""

from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from app.http.body_limit import announced_length
from app.http.json.body import decode
from app.http.problems import MALFORMED_BODY, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, RequestError

MEDIA_TYPE = "application/x-www-form-urlencoded"
TOKEN = "token"  # noqa: S105 - the name of the field, not its value
MAX_FORM_BYTES = 8 * 1024  # the longest, an order of providers with long names, takes less than half of it
_MOST_FIELDS = 20

T = TypeVar("T", bound=msgspec.Struct)


async def read_form(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Return the fields that were sent.

    Raises:
        RequestError: the body is not declared as a form, too large, or no form.
    """
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise RequestError(UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be {MEDIA_TYPE}", field="Content-Type")
    try:
        text = (await _body(request)).decode("ascii")
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise RequestError(MALFORMED_BODY, "The body is not a form", field="body") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise RequestError(MALFORMED_BODY, "A field of the form was given twice", field="body")
    return fields


async def _body(request: Request[Any, Any, Any]) -> bytes:
    """Read so much of a body at most; a larger announced length is refused before any of it is read."""
    too_large = RequestError(TOO_LARGE, f"The form must be at most {MAX_FORM_BYTES} bytes", field="body")
    if announced_length(request.scope) > MAX_FORM_BYTES:
        raise too_large
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM_BYTES:
            raise too_large
    return body


def filled_in(fields: dict[str, str], into: type[T]) -> T:
    """Build a struct of the fields, without the form's token.

    Raises:
        InvalidInput: a field breaks a rule.
    """
    return decode(msgspec.json.encode({name: text for name, text in fields.items() if name != TOKEN}), into)
