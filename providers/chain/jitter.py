"""The wait between two tries of one call."""

from collections.abc import Callable

from tenacity import RetryCallState, wait_exponential


class FullJitter(wait_exponential):
    """A wait drawn from [0, min(longest, first * 2^(n-1))] seconds before the n-th retry.

    It is tenacity's `wait_random_exponential` with the source of randomness as an argument.
    """

    def __init__(self, first: float, longest: float, chance: Callable[[], float]) -> None:
        super().__init__(multiplier=first, max=longest)
        self._chance = chance

    def __call__(self, retry_state: RetryCallState) -> float:
        """Draw a wait."""
        return self._chance() * super().__call__(retry_state)
