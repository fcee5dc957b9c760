"""The protocol of an embedder, and the one error it raises."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


# The outcome of a call that failed because of the text itself.
REJECTED = "rejected"

# The outcome of a call that was not made, because the embedder failed a moment ago.
PAUSED = "paused"


class EmbedderUnavailable(Exception):
    """No vectors now: the model is down, refuses, is too slow, or answered nonsense."""

    def __init__(self, reason: str, *, outcome: str = "unavailable") -> None:
        super().__init__(reason)
        self.reason = reason
        self.outcome = outcome


@runtime_checkable
class Embedder(Protocol):
    """Turn texts into vectors of one model.

    `model` names model and dimensions, such as `local/l2_supercat_256` or `openai/text-embedding-3-small@512`, and is
    kept with each vector: vectors of different models are never compared.
    """

    model: str

    @abstractmethod
    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Give one unit-length float32[dim] vector per text, in order.

        Raises:
            EmbedderUnavailable: no vectors; no text was harmed, ask again later.
        """
        raise NotImplementedError
