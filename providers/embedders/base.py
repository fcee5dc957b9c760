"""The protocol of an embedder, and the one error it raises."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]


# Outcomes of a call without vectors. The first is caused by the text itself, and says nothing about the next one.
REJECTED = "rejected"
UNAVAILABLE = "unavailable"
TIMEOUT = "timeout"
THROTTLED = "throttled"
OUT_OF_QUOTA = "out_of_quota"
MISCONFIGURED = "misconfigured"

# Characters of one call.
SLICE_CHARS = 64_000

# The outcome of a call that was not made, because the embedder failed a moment ago or asked for a cooldown.
PAUSED = "paused"


class EmbedderUnavailable(Exception):
    """No vectors: the model is down, refuses, is too slow, or its answer is invalid.

    `retry_after` is for how many seconds it asks for no calls, None if it has not said so. `advice` is what an operator
    can do about it, None where the reason says enough.
    """

    def __init__(
        self, reason: str, *, outcome: str = UNAVAILABLE, retry_after: float | None = None, advice: str | None = None
    ) -> None:
        super().__init__(reason)
        self.reason, self.outcome = reason, outcome
        self.retry_after, self.advice = retry_after, advice


@runtime_checkable
class Embedder(Protocol):
    """Turn texts into vectors of one model.

    `model` names model and dimensions, such as `local/l2_supercat_256` or `openai/text-embedding-3-small@512`, and is
    stored with each vector: vectors of different models are never compared.
    """

    model: str

    slice_chars: int = SLICE_CHARS
    """About how many characters one call is to have, so that it stays within its time; a single text may have more."""

    @abstractmethod
    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return one unit-length float32[dim] vector per text, in order.

        Raises:
            EmbedderUnavailable: there are no vectors; the call may be repeated later.
        """

    async def embed_words(self, words: Sequence[str]) -> Matrix | None:  # noqa: ARG002 - for those that know words
        """Return the vectors of single words, float32[words, dim] of any length, that may be summed up to a text's.

        A word that it does not know has zeros. Returns None if this model knows words only within their text. It must
        be cheap, because a recall waits for it.
        """
        return None
