"""The providers that have not answered a read, and what becomes of the read if nobody does."""

from msgspec import Struct

from providers.chain.deadline import CallOptions
from providers.chain.errors import BreakerOpen, Refused
from providers.chain.link import Link
from providers.chain.pending_view import FarBehind
from providers.errors import ASK_AGAIN, TimedOut, Unavailable


class Unanswered(Struct):
    """The providers that did not answer a read: `first`, the first in the order, and the others as they failed.

    `given_up` are those whose try was cut off so that another one could be asked.
    """

    first: Link
    given_up: list[Link] = []
    _failures: list[tuple[Link, Unavailable]] = []
    _refused: list[Link] = []

    def failed(self, link: Link, error: Unavailable, options: CallOptions) -> None:
        """Record that a provider did not answer."""
        self._failures.insert(0 if link is self.first else len(self._failures), (link, error))
        if options.others and isinstance(error, TimedOut):
            self.given_up.append(link)
        elif isinstance(error, (BreakerOpen, FarBehind)):
            self._refused.append(link)

    def failed_again(self, link: Link, error: Unavailable) -> None:
        """Record that a provider did not answer a last resort."""
        self._failures.append((link, error))

    @property
    def outcome_of_first(self) -> str | None:
        """The outcome of asking the first provider, None if it has not failed."""
        return next((error.outcome for link, error in self._failures if link is self.first), None)

    @property
    def retryable(self) -> list[Link]:
        """The providers that may answer yet; those that timed out come last, because they get the rest of the time."""
        return [*self._refused, *self.given_up]

    @property
    def error_to_raise(self) -> Unavailable:
        """Home's own failure if it was called, with the shortest time after which any provider can be asked again."""
        failures = [error for _, error in self._failures]
        asked = [error for error in failures if not isinstance(error, Refused)]
        error = asked[0] if asked else failures[0]
        if error.retry_after is not None:
            waits = (ASK_AGAIN if error.retry_after is None else error.retry_after for error in failures)
            error.retry_after = min(waits)
        return error
