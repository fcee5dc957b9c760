"""Where a server answers, and how it is spoken to there."""

import ssl
from base64 import b64encode
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from observability.secret import Secret

_PORTS = {"http": 80, "https": 443}


class Address(Struct, frozen=True):
    """An address without its secrets, which `headers` hold; `tls` is None without TLS."""

    scheme: str
    host: str
    port: int
    path: str
    headers: dict[str, str]
    tls: ssl.SSLContext | None
    connections: int

    @property
    def url(self) -> str:
        """The address as a client takes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def address_of(url: Secret, api_key: Secret | None, ca_file: str | None, connections: int) -> Address:
    """Return the address in a URL that has been checked; a certificate that is not known is refused later."""
    parts = urlsplit(url.reveal())
    headers = {}
    if parts.username is not None:
        userinfo = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers["authorization"] = f"Basic {b64encode(userinfo).decode()}"
    elif api_key is not None:
        headers["authorization"] = f"ApiKey {api_key.reveal()}"
    return Address(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        path=parts.path.rstrip("/"),
        headers=headers,
        tls=ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None,
        connections=connections,
    )
