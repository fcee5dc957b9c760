"""Where a server answers, and how it is spoken to there."""

import ssl
from base64 import b64encode
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from observability.secret import Secret
from providers.errors import Misconfigured

_PORTS = {"http": 80, "https": 443}


class ServerAddress(Struct, frozen=True):
    """An address without its secrets, which `headers` hold; `ca_file` is that of the settings."""

    scheme: str
    host: str
    port: int
    path: str
    headers: dict[str, str]
    ca_file: str | None
    connections: int

    @property
    def tls(self) -> ssl.SSLContext | None:
        """By which certificates the server is known, read anew; None without TLS.

        Raises:
            Misconfigured: the file of them cannot be read.
        """
        if self.scheme != "https":
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:  # or what is in it is no certificate
            raise Misconfigured(f"ca_file cannot be read ({type(error).__name__})") from error


def address_of(url: Secret, api_key: Secret | None, ca_file: str | None, connections: int) -> ServerAddress:
    """Return the address in a URL that has been checked; a certificate that is not known is refused later."""
    parts = urlsplit(url.reveal())
    headers = {}
    if parts.username is not None:
        userinfo = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers["authorization"] = f"Basic {b64encode(userinfo).decode()}"
    elif api_key is not None:
        headers["authorization"] = f"ApiKey {api_key.reveal()}"
    return ServerAddress(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        path=parts.path.rstrip("/"),
        headers=headers,
        ca_file=ca_file,
        connections=connections,
    )
