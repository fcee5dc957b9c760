"""The check of a request's origin: a page of this service, or one of another site."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from app.http.problems import FORBIDDEN, RequestError


def require_own_page(headers: Mapping[str, str]) -> None:
    """Require that the request does not come from a page of another site; raise `RequestError` if it does.

    Browsers say so themselves in `Sec-Fetch-Site`, but only over HTTPS and on loopback; elsewhere `Origin` shows it. A
    client that sends neither is no browser, and runs no foreign page.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        own = site == "same-origin"
    else:
        own = origin is None or _place(origin) == headers.get("host", "").lower()
    if not own:
        raise RequestError(FORBIDDEN, "This was sent from a page of another site, so nothing was done")


def _place(origin: str) -> str | None:
    """Return host and port, as a `Host` header has them; None for what is no address, and so not this service's own."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
