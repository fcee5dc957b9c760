"""Where a request comes from: a page of ours, or one that has no business here."""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from app.problems import FORBIDDEN, RequestError


def require_own_page(headers: Mapping[str, str]) -> None:
    """Do nothing, if a form was sent from a page of this service.

    Browsers say so themselves in `Sec-Fetch-Site`, but only over HTTPS and on loopback; elsewhere `Origin` tells. What
    sends neither is no browser, and has no foreign page in it.

    Raises:
        RequestError: it was sent from elsewhere.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        own = site == "same-origin"
    else:
        own = origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
    if not own:
        raise RequestError(FORBIDDEN, "This form was sent from a page of another site, so nothing was done")


def require_loopback_name(headers: Mapping[str, str]) -> None:
    """Do nothing, if the service was asked for by a name of its own machine.

    A foreign page can have its own name lead to this machine (DNS rebinding), and is no foreign page to the browser
    then; where no key is asked for, that name alone tells it from an operator.

    Raises:
        RequestError: it was asked for by another name.
    """
    host = headers.get("host", "")
    if not _is_loopback(host):
        detail = (
            f"Without API keys the console answers on names of its own machine alone, such as localhost and 127.0.0.1,"
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
