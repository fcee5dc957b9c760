"""Which vectors count while an embedder is exchanged, and a memory may have one of each of two models."""

from collections.abc import Mapping

import numpy as np

from providers.search.questions import EmbeddedQuestion
from providers.search.user_index import UserIndex


def by_coverage(index: UserIndex, vectors: Mapping[str, EmbeddedQuestion]) -> Mapping[str, EmbeddedQuestion]:
    """Return the vectors of a question that memories can be compared with, in such an order that the last one counts.

    That is the model which most memories have a vector of, and of several the first that is given: so a former model
    answers alone until the current one has vectors of as many memories, and the cosines of two models, which are on
    scales of their own, are compared with each other only for the few that have but one of them.
    """
    usable = {
        model: vector
        for model, vector in vectors.items()
        if model in index.planes and index.planes[model].dims == len(vector.text)
    }
    if len(usable) < 2:  # noqa: PLR2004 - nothing to choose
        return usable
    backwards = list(usable)[::-1]
    covered = {model: np.count_nonzero(index.columns.alive[index.planes[model].rows]) for model in usable}
    return {model: usable[model] for model in sorted(backwards, key=covered.__getitem__)}
