"""The protocol of a reranker, and the one error it raises."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol


class RerankerUnavailable(Exception):
    """No order: the model is down, refuses, is too slow, or its answer is invalid.

    `retry_after` is for how many seconds it asks for no calls, None if it has not said so.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.retry_after = reason, retry_after


class Reranker(Protocol):
    """Tell how relevant texts are to a question.

    `candidates` is how many of the best answers it is asked about.
    """

    candidates: int

    @abstractmethod
    async def relevances(self, question: str, texts: Sequence[str]) -> list[float | None]:
        """Return the relevance of each text, in order; None for one that it leaves out.

        Raises:
            RerankerUnavailable: there are none in time.
        """
