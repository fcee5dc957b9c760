"""Negotiation of an answer's content coding."""

import re

from litestar.datastructures import Headers

_NOT_AT_ALL = re.compile(r"\s*q=0(\.0*)?\s*")


def takes_gzip(headers: Headers) -> bool:
    """Return whether an `Accept-Encoding` names gzip, and not with the weight of zero (RFC 9110, section 12.5.3)."""
    codings = (coding.lower().partition(";") for coding in headers.get("accept-encoding", "").split(","))
    return any(name.strip() == "gzip" and not _NOT_AT_ALL.fullmatch(weight) for name, _, weight in codings)
