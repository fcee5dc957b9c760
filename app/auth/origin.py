"""Where a request comes from: a page of ours, or one that has no business here."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from app.http.problems import FORBIDDEN, RequestError


def require_own_page(headers: Mapping[str, str]) -> None:
    """Do nothing, if what was sent is not from a page of another site.

    Browsers say so themselves in `Sec-Fetch-Site`, but only over HTTPS and on loopback; elsewhere `Origin` tells. What
    sends neither is no browser, and has no foreign page in it.

    Raises:
        RequestError: it was sent from elsewhere.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        own = site == "same-origin"
    else:
        own = origin is None or _place(origin) == headers.get("host", "").lower()
    if not own:
        raise RequestError(FORBIDDEN, "This was sent from a page of another site, so nothing was done")


def _place(origin: str) -> str | None:
    """Give host and port, as a `Host` has them; None for what is no address, and so not our own."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
