"""A client of a running service."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, Generic, TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import click
import msgspec
from msgspec import Struct

from app.http.problems import Problem

_SECONDS = 10.0

T = TypeVar("T")


class NoAnswer(click.ClickException):
    """Signal that the service did not answer, or not to the end."""


class NotListening(NoAnswer):
    """Signal that nothing accepts connections at the service's address, or not yet."""


class RefusedByService(click.ClickException):
    """Signal an answer that is a refusal: its status, and after how many seconds to ask again, if it says so."""

    def __init__(self, message: str, status: int, retry_after: float | None) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after


class _NoRedirect(HTTPRedirectHandler):
    """Follow no redirect, which would take the key along to another server."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Return None, which follows nothing."""


class Told(Struct, Generic[T], frozen=True):
    """An answer, and the headers that came with it, their names in lower case."""

    value: T
    headers: Mapping[str, str]


class RunningService(Struct, frozen=True):
    """Call a service at an address, with the key for it, if any."""

    url: str
    key: str | None

    def get(self, path: str, into: type[T], *, accepted: tuple[int, ...] = (), seconds: float = _SECONDS) -> T:
        """Get a resource; answers with an accepted status are read like successes.

        Raises:
            NotListening: the connection was refused.
            click.ClickException: the service does not answer or answers otherwise; or the key cannot be sent.
        """
        return self.ask("GET", path, into, accepted=accepted, seconds=seconds).value

    def post(self, path: str, into: type[T], *, seconds: float = _SECONDS) -> T:
        """Post without a body; raise as `get` does."""
        return self.ask("POST", path, into, seconds=seconds).value

    def ask(
        self,
        method: str,
        path: str,
        into: type[T],
        *,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        accepted: tuple[int, ...] = (),
        seconds: float = _SECONDS,
    ) -> Told[T]:
        """Send a request, with a JSON body and headers if given; raise as `get` does."""
        body = None if json is None else msgspec.json.encode(json)
        kind = {} if body is None else {"Content-Type": "application/json"}
        sent = {**kind, **(headers or {})}
        with self.opened(path, method, body=body, headers=sent, accepted=accepted, seconds=seconds) as answer:
            content, told = answer.read(), _in_lower_case(answer.headers.items())
        try:
            return Told(msgspec.json.decode(content, type=into), told)
        except msgspec.DecodeError as error:
            reason = f"{self.url}{path} sent an answer that this version cannot read: {error}"
            raise click.ClickException(reason) from error

    @contextmanager
    def opened(
        self,
        path: str,
        method: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        accepted: tuple[int, ...] = (),
        seconds: float = _SECONDS,
    ) -> Iterator[HTTPResponse | HTTPError]:
        """Yield an answer, whose body is read as it comes; `seconds` is the longest wait for a part of it.

        Raises:
            NoAnswer: the service does not answer, or stops in the middle.
            RefusedByService: it answers with another status than success or an accepted one.
            click.ClickException: the key cannot be sent.
        """
        # No proxy: it would see the key, and an address of this machine means another one there.
        opener = build_opener(ProxyHandler({}), _NoRedirect)
        sent = {**self._headers(), **(headers or {})}
        try:
            request = Request(self.url + path, body, sent, method=method)  # noqa: S310 - http or https, see the option
            answer: HTTPResponse | HTTPError
            try:
                answer = opener.open(request, timeout=seconds)
            except HTTPError as error:
                answer = error
                if error.code not in accepted:
                    with error:
                        raise _refusal(self.url + path, error) from error
            with answer:
                yield answer
        except (URLError, HTTPException, OSError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            if isinstance(reason, ConnectionRefusedError):
                raise NotListening(f"no answer from {self.url}: {reason}; --url names another service") from error
            raise NoAnswer(f"no answer from {self.url}: {reason}") from error

    @property
    def sendable_key(self) -> str | None:
        """The key, None without one; `click.ClickException` if no header can carry it."""
        key = self.key
        if key is not None and not (key.isascii() and key.isprintable()):  # the error of the library would quote it
            raise click.ClickException("the API key cannot be sent: expected printable ASCII, as a header can carry")
        return key

    def _headers(self) -> dict[str, str]:
        key = self.sendable_key
        return {} if key is None else {"Authorization": f"Bearer {key}"}


def _in_lower_case(headers: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers}


def _refusal(url: str, error: HTTPError) -> RefusedByService:
    said = error.headers.get("Retry-After", "")
    return RefusedByService(
        f"{url}: {error.code} {_detail(error)}", error.code, float(said) if said.isdecimal() else None
    )


def _detail(error: HTTPError) -> str:
    try:
        return msgspec.json.decode(error.read(), type=Problem).detail
    except msgspec.DecodeError:
        return str(error.reason)
