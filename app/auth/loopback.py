"""Loopback names, the only values of `Host` that are accepted where no key is required."""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from app.http.problems import FORBIDDEN, RequestError


def require_loopback_name(headers: Mapping[str, str]) -> None:
    """Check that the `Host` of a request is a name of the service's own machine.

    A page of another site can let its own name resolve to this machine (DNS rebinding), and is of the same origin to
    the browser then: it could read every memory. Only that name distinguishes it from other clients.

    Raises:
        RequestError: it is another name.
    """
    host = headers.get("host")
    # A client without a `Host` is no browser.
    if host is not None and not _is_loopback(host):
        detail = (
            f"Without API keys the service answers on names of its own machine alone, such as localhost and 127.0.0.1,"
            f" and not on {host[:100]!r}: set auth.mode to api_key"
        )
        raise RequestError(FORBIDDEN, detail)


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
