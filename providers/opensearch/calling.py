"""One request to a server, its answer, and what sends it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Protocol

from msgspec import Struct

from providers.opensearch.failures import INDEX_EXISTS, type_of

JSON, LINES = "application/json", "application/x-ndjson"


class Call(Struct, frozen=True, kw_only=True):
    """What to ask.

    `path` is below the address of the server, and names no memory; `body` is JSON, or several lines of it. `writes`
    says that it may have been done although no answer came. That something is missing is an answer if it `may_lack`,
    and so is that an index is there already if it `may_exist`.
    """

    method: str
    path: str
    params: Mapping[str, str] = {}
    body: bytes | None = None
    lines: bool = False
    writes: bool = False
    may_lack: bool = False
    may_exist: bool = False

    def is_answered(self, status: int, body: object) -> bool:
        """Return whether a status is an answer, and no failure."""
        missing = self.may_lack and status == HTTPStatus.NOT_FOUND and isinstance(body, dict)
        exists = self.may_exist and status == HTTPStatus.BAD_REQUEST and type_of(body) == INDEX_EXISTS
        return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES or missing or exists

    @property
    def headers(self) -> dict[str, str]:
        """What says of which kind the body and the answer are."""
        return {"accept": JSON} | ({} if self.body is None else {"content-type": LINES if self.lines else JSON})


class Answered(Struct, frozen=True):
    """What came back: a status that is an answer, and decoded JSON."""

    status: int
    body: Any


class SearchClient(Protocol):
    """A client of one kind of server, which tries nothing twice."""

    async def send(self, call: Call, headers: Mapping[str, str]) -> Answered:
        """Send a request once, with these headers beside its own.

        Raises:
            Unavailable: see `providers/opensearch/failures.py`.
        """

    async def close(self) -> None:
        """Close all connections."""
