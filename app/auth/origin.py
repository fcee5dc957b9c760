"""The origin of a request: this service's own pages, or a page of another site."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from app.http.problems import FORBIDDEN, RequestError


def require_own_page(headers: Mapping[str, str]) -> None:
    """Check that a request was not sent by a page of another site.

    Browsers send `Sec-Fetch-Site`, but only over HTTPS and on loopback; elsewhere they send `Origin`. A client that
    sends neither is no browser.

    Raises:
        RequestError: it was.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        own = site == "same-origin"
    else:
        own = origin is None or _place(origin) == headers.get("host", "").lower()
    if not own:
        raise RequestError(FORBIDDEN, "This was sent from a page of another site, so nothing was done")


def _place(origin: str) -> str | None:
    """Return host and port, as a `Host` has them; None for what is no address, and so not our own."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
