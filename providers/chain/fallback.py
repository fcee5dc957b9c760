"""The fallback of reads: ask the providers that may answer in their order, until one of them does."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from msgspec import Struct

from providers.answers import Answer
from providers.chain.context import ChainContext
from providers.chain.deadline import CallOptions, Deadline
from providers.chain.errors import BreakerOpen, Refused
from providers.chain.execution import Execution
from providers.chain.link import Link
from providers.chain.pending_view import FarBehind
from providers.chain.policy import OperationClass
from providers.chain.route import NobodyInSync, Route
from providers.errors import ASK_AGAIN, Rejected, TimedOut, Unavailable

Result = TypeVar("Result")

AskLink = Callable[[Link, CallOptions], Awaitable[Result]]


class Fallback(Struct, frozen=True):
    """Ask providers for an answer, and record which of them answered and which did not."""

    context: ChainContext

    async def first(
        self,
        execution: Execution,
        operation: OperationClass,
        ask: AskLink[Result],
        route: Route | None = None,
        deadline: Deadline | None = None,
    ) -> Result:
        """Return the answer of the first provider that has one; a `Rejected` is an answer.

        If none answers, three groups are asked again as a last resort: providers whose try was cut off so that the next
        could be asked, providers whose breaker refused the call, and those that are far behind. By default the route is
        that of the execution without presumed providers, and the deadline is that of the execution.

        Raises:
            Unavailable: no provider answers.
        """
        readers = (route or execution.route.verified).readers
        deadline = deadline or execution.deadline
        if not readers:
            raise NobodyInSync("no provider in the order has received everything")
        unanswered = _Unanswered(readers[0])
        for place, link in enumerate(readers):
            following = readers[place + 1 :]
            options = _call_options(deadline, operation, following)
            try:
                answer = await ask(link, options)
            except Unavailable as error:
                unanswered.failed(link, error, options)
                if following:
                    self.context.observer.fell_back(link.name, following[0].name, operation, error.outcome)
                continue
            except Rejected as error:
                self._answered(execution, link, unanswered, error.answer)
                raise
            self._answered(execution, link, unanswered, answer)
            return answer
        return await self._first_of_last(execution, operation, ask, unanswered, deadline)

    async def _first_of_last(
        self,
        execution: Execution,
        operation: OperationClass,
        ask: AskLink[Result],
        unanswered: "_Unanswered",
        deadline: Deadline,
    ) -> Result:
        again = unanswered.retryable
        while again and not deadline.expired:
            link, *again = again
            options = CallOptions(_keeping(deadline, operation, again), others=bool(again), last_resort=True)
            try:
                answer = await ask(link, options)
            except Unavailable as error:
                unanswered.failures.append(error)
                continue
            except Rejected as error:
                self._answered(execution, link, unanswered, error.answer, "last_resort")
                raise
            self._answered(execution, link, unanswered, answer, "last_resort")
            return answer
        raise unanswered.error_to_raise

    def _answered(
        self, execution: Execution, link: Link, before: "_Unanswered", answer: object = None, reason: str | None = None
    ) -> None:
        given = answer if isinstance(answer, Answer) else Answer()
        execution.answered(given.provider or link.name, given.degraded, eventual=given.eventual)
        if before.failures:
            outcome = before.failures[0].outcome
            execution.degrade(reason or f"home_{outcome}")
            self.context.observer.read_by(link.name, before.first.name, outcome)
        else:
            self.context.observer.read_by(link.name, None, "")


class _Unanswered(Struct):
    """The providers that did not answer a read, in the order in which they were asked; `first` is the first of them."""

    first: Link
    failures: list[Unavailable] = []
    _given_up: list[Link] = []
    _refused: list[Link] = []

    def failed(self, link: Link, error: Unavailable, options: CallOptions) -> None:
        """Record that a provider did not answer."""
        self.failures.append(error)
        if options.others and isinstance(error, TimedOut):
            self._given_up.append(link)
        elif isinstance(error, (BreakerOpen, FarBehind)):
            self._refused.append(link)

    @property
    def retryable(self) -> list[Link]:
        """The providers that may answer yet; those that timed out come last, because they get the rest of the time."""
        return [*self._refused, *self._given_up]

    @property
    def error_to_raise(self) -> Unavailable:
        """Home's own failure if it was called, with the shortest time after which any provider can be asked again."""
        asked = [error for error in self.failures if not isinstance(error, Refused)]
        error = asked[0] if asked else self.failures[0]
        if error.retry_after is not None:
            waits = (ASK_AGAIN if error.retry_after is None else error.retry_after for error in self.failures)
            error.retry_after = min(waits)
        return error


def _call_options(deadline: Deadline, operation: OperationClass, following: Sequence[Link]) -> CallOptions:
    """Reserve the time that the following providers need; a provider whose breaker refuses calls needs none."""
    others = any(not link.attempts.guards.breaker.refuses() for link in following)
    return CallOptions(_keeping(deadline, operation, following), others=others)


def _keeping(deadline: Deadline, operation: OperationClass, following: Sequence[Link]) -> Deadline:
    needs = sum(link.attempts.latencies.need(operation) for link in following)
    return deadline.keeping(needs) if following else deadline
