"""Forms as browsers send them, read as strictly as the bodies of the API."""

from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from app.json_body import decode
from app.problems import MALFORMED_BODY, UNSUPPORTED_MEDIA_TYPE, RequestError

MEDIA_TYPE = "application/x-www-form-urlencoded"
TOKEN = "token"  # noqa: S105 - the name of the field, not what is in it
_MOST_FIELDS = 20

T = TypeVar("T", bound=msgspec.Struct)


async def read_form(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Give the fields that were sent.

    Raises:
        RequestError: not said to be a form, or none.
    """
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise RequestError(UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be {MEDIA_TYPE}", field="Content-Type")
    try:
        text = (await request.body()).decode("ascii")
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise RequestError(MALFORMED_BODY, "The body is not a form", field="body") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise RequestError(MALFORMED_BODY, "A field of the form was given twice", field="body")
    return fields


def filled_in(fields: dict[str, str], into: type[T]) -> T:
    """Make a struct of the fields; the form's token is no part of it.

    Raises:
        InvalidInput: a field breaks a rule.
    """
    return decode(msgspec.json.encode({name: text for name, text in fields.items() if name != TOKEN}), into)
