"""The check of the `Host` where no keys are used: it must be a name of this machine."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from app.http.problems import FORBIDDEN, RequestError


def require_loopback_name(headers: Mapping[str, str]) -> None:
    """Require that the request names this machine as its host; raise `RequestError` if it names another.

    A page of another site can have its own name resolve to this machine (DNS rebinding), and the browser then takes
    both for the same site: the page could read every memory. Only the name distinguishes it from a legitimate caller.
    """
    host = headers.get("host")
    # A client that sends no Host is no browser.
    if host is not None and not _is_loopback(host):
        detail = (
            f"Without API keys the service answers on names of its own machine alone, such as localhost and 127.0.0.1,"
            f" and not on {host[:100]!r}: set auth.mode to api_key"
        )
        raise RequestError(FORBIDDEN, detail)


@lru_cache(maxsize=16)  # a service has few names; others may be as long as a header
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
