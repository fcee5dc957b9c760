"""Static files: bytes made once per process, plain and compressed, each with a strong ETag."""

import gzip
from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from typing import Any

from litestar import Request, Response

from app.http.coding.negotiation import takes_gzip
from app.http.revalidation import NOT_MODIFIED, known_to, names

_ETAG_CHARS = 32  # of a digest in hexadecimal: 128 bits, so that none collide by chance

# The headers that RFC 9110, section 15.4.5, requires in a 304; the others would repeat what the client holds.
_REPEATED = frozenset({"Cache-Control", "ETag", "Vary"})


class StaticFile:
    """Serve a file whose bytes never change.

    `packed` is its gzip form, if there is one already; a form that is not passed is made on its first request, and
    kept.
    """

    def __init__(
        self,
        media_type: str,
        cache_control: str,
        *,
        plain: bytes | None = None,
        packed: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if plain is None and packed is None:
            raise ValueError("neither form was given")
        self._given_plain, self._given_packed = plain, packed
        own = {"Content-Type": media_type, "Cache-Control": cache_control, "Vary": "Accept-Encoding"}
        self._headers = {**(headers or {}), **own}

    @cached_property
    def plain(self) -> bytes:
        """Return the file uncompressed."""
        return gzip.decompress(self.packed) if self._given_plain is None else self._given_plain

    @cached_property
    def packed(self) -> bytes:
        """Return it in gzip; without a date, so that every process makes the same bytes, and the same ETag."""
        return gzip.compress(self.plain, mtime=0) if self._given_packed is None else self._given_packed

    def answer(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Answer with the form that the client accepts, or 304 if the client has it."""
        body, headers = self._packed_form if takes_gzip(request.headers) else self._plain_form
        if names(known_to(request), headers["ETag"]):
            again = {name: value for name, value in headers.items() if name in _REPEATED}
            return Response(b"", status_code=NOT_MODIFIED, headers=again)
        return Response(body, headers=headers)

    @cached_property
    def _plain_form(self) -> tuple[bytes, Mapping[str, str]]:
        return self.plain, {**self._headers, "ETag": _etag(self.plain)}

    @cached_property
    def _packed_form(self) -> tuple[bytes, Mapping[str, str]]:
        return self.packed, {**self._headers, "ETag": _etag(self.packed), "Content-Encoding": "gzip"}


def _etag(body: bytes) -> str:
    return f'"{sha256(body).hexdigest()[:_ETAG_CHARS]}"'
