"""The shortlist of a ranking: the memories that may be among the answers, which alone are scored by all of a vector."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from providers.search.packed_rows import Rows

Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]

COARSE_ERROR = 0.002  # of a score by one plane
MOST_RESCORED = 4_096  # memories, which takes some milliseconds; of more near each other the first by one plane


class Rough(Struct, frozen=True, kw_only=True):
    """What is known of all rows before any is scored exactly: scores, orders by themselves, and what is lent to them.

    `error` is that of the scores, 0 where they are exact; `created` orders what is alike, newest first.
    """

    scores: Scores
    own: Scores
    lent: Scores
    created: Rows
    error: float


class Shortlist(Struct, frozen=True):
    """The rows to score exactly; `approximate` tells that others might have been among the answers, too."""

    rows: Rows
    approximate: bool


def shortlist(rough: Rough, candidates: Rows, least: float, wanted: int) -> Shortlist:
    """Return those who may be first by their own order, or with what is lent to them among as many answers."""
    at = slice(None) if len(candidates) == len(rough.scores) else candidates
    own = rough.own[at]
    order = own + rough.lent[at]
    surely = rough.scores[at] >= least + rough.error
    leads = _among(surely, own, 1, rough.error)
    near = (leads | _among(surely, order, wanted, rough.error)).nonzero()[0]
    if len(near) <= MOST_RESCORED:
        return Shortlist(candidates[near], approximate=False)
    best = near[np.lexsort((-rough.created[candidates[near]], -order[near]))[:MOST_RESCORED]]
    leader = near[[own[near].argmax()]]
    return Shortlist(candidates[np.union1d(best, leader)], approximate=rough.error > 0)


def best_by_order(rough: Rough, candidates: Rows, most: int) -> Rows:
    """Return as many rows, the best by one plane."""
    if len(candidates) <= most:
        return candidates
    return candidates[np.argpartition(rough.own[candidates] + rough.lent[candidates], -most)[-most:]]


def _among(surely: Mask, order: Scores, wanted: int, error: float) -> Mask:
    """Return which rows may be among as many answers, although their scores are off by the error.

    Those whose score may turn out too low leave room for others, so those that `surely` suffice are counted alone.
    """
    counted = order[surely]
    if len(counted) <= wanted:
        return np.ones(len(order), np.bool_)
    bound = counted.max() if wanted == 1 else np.partition(counted, len(counted) - wanted)[len(counted) - wanted]
    reach: Mask = order >= bound - 2 * error
    return reach
