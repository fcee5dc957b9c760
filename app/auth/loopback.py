"""Names of this machine, by which alone it may be asked for where no key is asked for."""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from app.http.problems import FORBIDDEN, RequestError


def require_loopback_name(headers: Mapping[str, str]) -> None:
    """Do nothing, if the service was asked for by a name of its own machine.

    A page of another site can have its own name lead to this machine (DNS rebinding), and is no foreign page to the
    browser then: it could read every memory. That name alone tells it from whoever may ask.

    Raises:
        RequestError: it was asked for by another name.
    """
    host = headers.get("host")
    # Who names nothing is no browser.
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
