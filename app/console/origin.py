"""Where a request comes from: a page of ours, or one that has no business here."""

from collections.abc import Mapping
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
