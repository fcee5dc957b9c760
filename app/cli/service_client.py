"""A client of a running service's admin API."""

from http.client import HTTPException, HTTPMessage
from typing import IO, TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import click
import msgspec
from msgspec import Struct

from app.http.problems import Problem

_SECONDS = 10.0

T = TypeVar("T")


class NotListening(click.ClickException):
    """Signal that nothing accepts connections at the service's address, or not yet."""


class _NoRedirect(HTTPRedirectHandler):
    """Follow no redirect, which would take the key along to another server."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Return None, which follows nothing."""


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
        return self._read(path, self._body(path, "GET", accepted, seconds), into)

    def post(self, path: str, into: type[T], *, seconds: float = _SECONDS) -> T:
        """Post without a body; raise as `get` does."""
        return self._read(path, self._body(path, "POST", (), seconds), into)

    def _read(self, path: str, body: bytes, into: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=into)
        except msgspec.DecodeError as error:
            reason = f"{self.url}{path} sent an answer that this version cannot read: {error}"
            raise click.ClickException(reason) from error

    def _body(self, path: str, method: str, accepted: tuple[int, ...], seconds: float) -> bytes:
        # No proxy: it would see the key, and an address of this machine means another one there.
        opener = build_opener(ProxyHandler({}), _NoRedirect)
        try:
            request = Request(self.url + path, headers=self._headers(), method=method)  # noqa: S310 - http or https, see the option
            with opener.open(request, timeout=seconds) as response:
                body: bytes = response.read()
        except HTTPError as error:
            with error:
                if error.code in accepted:
                    return error.read()
                raise click.ClickException(f"{self.url}{path}: {error.code} {_detail(error)}") from error
        except (URLError, HTTPException, OSError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            kind = NotListening if isinstance(reason, ConnectionRefusedError) else click.ClickException
            raise kind(f"no answer from {self.url}: {reason}") from error
        return body

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


def _detail(error: HTTPError) -> str:
    try:
        return msgspec.json.decode(error.read(), type=Problem).detail
    except msgspec.DecodeError:
        return str(error.reason)
