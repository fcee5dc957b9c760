"""Negotiation of an answer's content coding."""

import re
from typing import Literal

from litestar.datastructures import Headers

Coding = Literal["zstd", "gzip"]

_NOT_AT_ALL = re.compile(r"\s*q=0(\.0*)?\s*")
_WEIGHT = re.compile(r"\s*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*")
_BEST_FIRST: tuple[Coding, ...] = ("zstd", "gzip")
_PLAIN = "identity"
_MOST_CHARS = 1_000  # of a header; a longer one is no list of codings


def takes_gzip(headers: Headers) -> bool:
    """Return whether an `Accept-Encoding` names gzip, and not with the weight of zero (RFC 9110, section 12.5.3)."""
    codings = (coding.lower().partition(";") for coding in headers.get("accept-encoding", "").split(","))
    return any(name.strip() == "gzip" and not _NOT_AT_ALL.fullmatch(weight) for name, _, weight in codings)


def preferred_coding(accepted: str) -> Coding | None:
    """Return the coding that an `Accept-Encoding` weighs most, None if that is none at all.

    Of those with the same weight zstd is taken before gzip, and either before the answer as it is. `*` is not taken as
    a wish for any of them: clients send it that can read what they name alone.
    """
    weights = _weights(accepted)
    best = max(_BEST_FIRST, key=lambda coding: weights.get(coding, 0.0))
    weight = weights.get(best, 0.0)
    return best if weight > 0.0 and weight >= weights.get(_PLAIN, 0.0) else None


def _weights(accepted: str) -> dict[str, float]:
    """Return the weight of each coding that is named; one whose weight cannot be read counts as not named."""
    weights: dict[str, float] = {}
    if len(accepted) > _MOST_CHARS:
        return weights
    for coding in accepted.lower().split(","):
        name, given, parameter = coding.partition(";")
        weight = _WEIGHT.fullmatch(parameter) if given else None
        if not given or weight is not None:
            weights[name.strip()] = 1.0 if weight is None else float(weight[1])
    return weights
