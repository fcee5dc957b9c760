"""The fallback of reads: ask the providers that may answer in their order, until one of them does."""

from typing import TypeVar

from msgspec import Struct

from providers.answers import Answer
from providers.chain.context import ChainContext
from providers.chain.deadline import CallOptions, Deadline
from providers.chain.execution import Execution
from providers.chain.hedging.order import Hedging
from providers.chain.hedging.reading import AskLink, Given, HedgedRead, keeping
from providers.chain.link import Link
from providers.chain.policy import OperationClass
from providers.chain.route import NobodyInSync, Route
from providers.chain.unanswered import Unanswered
from providers.errors import Rejected, Unavailable

Result = TypeVar("Result")

SLOW = "slow"  # the reason why another provider than the first has answered, although that one has not failed

_SAMPLE_GRACE = 0.05  # seconds beyond patience, so that a call to a provider that is asked second counts as slow


class Fallback(Struct, frozen=True):
    """Ask providers for an answer, and record which of them answered and which did not."""

    context: ChainContext
    hedging: Hedging

    async def first(
        self,
        execution: Execution,
        operation: OperationClass,
        ask: AskLink[Result],
        route: Route | None = None,
        deadline: Deadline | None = None,
        *,
        hedged: bool = True,
    ) -> Result:
        """Return the answer of the first provider that has one; a `Rejected` is an answer.

        A read that may be `hedged` asks the next provider as well where one is slow, and a provider that is mostly slow
        after the next one. If none answers, three groups are asked again as a last resort: providers whose try was cut
        off so that the next could be asked, providers whose breaker refused the call, and those that are far behind. By
        default the route is that of the execution without presumed providers, and the deadline is that of the
        execution.

        Raises:
            Unavailable: no provider answers.
        """
        readers = (route or execution.route.verified).readers
        deadline = deadline or execution.deadline
        if not readers:
            raise NobodyInSync("no provider in the order has received everything")
        hedged = hedged and self.hedging.enabled
        read = HedgedRead(self.context, self.hedging, operation, ask, deadline, Unanswered(readers[0]), hedged)
        order = self.hedging.ordered(readers, operation) if hedged else readers
        if order is not readers:
            self._sample(readers[0], operation, ask, deadline)
        # In this very frame, since it stands in the path of every read.
        for turn in read.turns(order):
            with turn:
                turn.answer = await ask(turn.link, turn.options)
            if turn.under_way:
                await turn.wait()
            if turn.result is not None:
                return self._taken(execution, turn.taken(), read.unanswered)
        given, read.doubtful = read.doubtful, None
        again = read.unanswered.retryable if given is None else read.unanswered.given_up
        if (last := await self._first_of_last(read, again)) is not None:
            return self._taken(execution, last, read.unanswered, "last_resort")
        if given is not None:  # nobody can say more
            return self._taken(execution, given, read.unanswered)
        raise read.unanswered.error_to_raise

    def _sample(self, link: Link, operation: OperationClass, ask: AskLink[Result], deadline: Deadline) -> None:
        if link.attempts.pace.take_sample():
            limited = deadline.earlier(link.patience(operation) + _SAMPLE_GRACE)
            self.hedging.sample(lambda: ask(link, CallOptions(limited, others=True)), link.name)

    async def _first_of_last(self, read: HedgedRead[Result], again: list[Link]) -> Given[Result] | None:
        while again and not read.deadline.expired:
            link, *again = again
            limited = keeping(read.deadline, read.operation, again)
            try:
                return Given(link, await read.ask(link, CallOptions(limited, others=bool(again), last_resort=True)))
            except Unavailable as error:
                read.unanswered.failed_again(link, error)
            except Rejected as error:
                return Given(link, error)
        return None

    def _taken(
        self, execution: Execution, given: Given[Result], before: Unanswered, reason: str | None = None
    ) -> Result:
        """Record who has given the one answer that counts, and why another one than the first; then return it."""
        answer = given.answer.answer if isinstance(given.answer, Rejected) else given.answer
        facts = answer if isinstance(answer, Answer) else Answer()
        execution.answered(facts.provider or given.link.name, facts.degraded, eventual=facts.eventual)
        outcome = before.outcome_of_first
        if given.link is not before.first or reason is not None:
            outcome = outcome or SLOW
            execution.degrade(reason or f"home_{outcome}")
            self.context.observer.read_by(given.link.name, before.first.name, outcome)
        else:
            self.context.observer.read_by(given.link.name, None, "")
        refusal = given.answer
        if not isinstance(refusal, Rejected):
            return refusal
        del given, answer
        try:
            raise refusal
        finally:
            del refusal  # otherwise the error and this frame would refer to each other
