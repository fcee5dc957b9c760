"""One read, asked of one provider after the other, and of the next one as well where patience ends."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from msgspec import Struct

from providers.answers import Found
from providers.chain.context import ChainContext
from providers.chain.deadline import CallOptions, Deadline
from providers.chain.hedging.order import Hedging
from providers.chain.hedging.race import Race
from providers.chain.link import Link
from providers.chain.observer import HedgeEvent
from providers.chain.policy import OperationClass
from providers.chain.unanswered import Unanswered
from providers.errors import MemoryNotFound, Rejected, Unavailable

Result = TypeVar("Result")

AskLink = Callable[[Link, CallOptions], Awaitable[Result]]


class Given(Struct, Generic[Result], frozen=True):
    """What one provider has answered; a refusal is an answer as well."""

    link: Link
    answer: Result | Rejected

    @property
    def says_nothing(self) -> bool:
        """Whether the answer is that there is nothing, by the word of the provider alone."""
        answer = self.answer
        if isinstance(answer, MemoryNotFound):
            return answer.answer is None
        if isinstance(answer, tuple):  # a provider, and what it holds
            return answer[-1] is None
        return isinstance(answer, Found) and not answer.memories


class HedgedRead(Struct, Generic[Result]):
    """One read that is under way; not `hedged`, nobody is asked before the one before it has failed.

    Nothing here is noted anywhere else: who has answered, and why the answer is degraded, is for whoever takes the one
    answer that counts.
    """

    context: ChainContext
    hedging: Hedging
    operation: OperationClass
    ask: AskLink[Result]
    deadline: Deadline
    unanswered: Unanswered
    hedged: bool
    _asked: set[str] = set()
    _targets: dict[str, str] = {}  # by the name of the slow one, who was asked as well

    async def answered(self, readers: Sequence[Link], *, hedge: bool = False) -> Given[Result] | None:
        """Return the first answer that counts, or else one that does not; None if nobody answers."""
        doubtful: Given[Result] | None = None
        for place, link in enumerate(readers):
            if link.name in self._asked:
                continue
            self._asked.add(link.name)
            given = await self._answered_by(link, readers[place + 1 :], hedge=hedge)
            if given is not None and self.counts(given):
                return given
            doubtful = doubtful or given
        return doubtful

    def counts(self, given: Given[Result]) -> bool:
        """Return whether an answer may end the read.

        That there is nothing is believed of the first provider, and of another one only if its last look was good, or
        if nothing better can be had.
        """
        if not given.says_nothing or given.link is self.unanswered.first:
            return True
        return self.hedging.looked_well(given.link.name)

    async def _answered_by(self, link: Link, following: Sequence[Link], *, hedge: bool) -> Given[Result] | None:
        if not self.hedged or not following:
            return await self._asked_one(link, following, hedge=hedge)
        race: Race[Given[Result] | None] = self.hedging.race(
            link.patience(self.operation),
            partial(self._begin_hedge, link, following),
            lambda given: given is not None and self.counts(given),
            self.context.now,
        )
        try:
            return await race.result(self._asked_one(link, following, hedge=hedge))
        finally:
            if not race.late:
                link.attempts.pace.note_read(in_time=True)
            elif (target := self._targets.get(link.name)) is not None:
                event = HedgeEvent.WON if race.won_by_second else HedgeEvent.LOST
                self.context.observer.hedged(target, self.operation, event)

    def _begin_hedge(self, link: Link, following: Sequence[Link]) -> Coroutine[Any, Any, Given[Result] | None] | None:
        """Begin to ask the next provider as well, if there is one and the budget of the slow one allows it.

        Where most of its answers are slow, the budget is not asked: it keeps a few slow answers from multiplying the
        load, and must not keep all reads waiting.
        """
        link.attempts.pace.note_read(in_time=False)
        others = [other for other in following if other.name not in self._asked]
        partners = self.hedging.partners(link, others, self.operation)
        if not partners or self.deadline.expired:
            return None
        target = partners[0].name
        if not link.attempts.pace.mostly_slow and not link.attempts.guards.budget.take():
            self.context.observer.hedged(target, self.operation, HedgeEvent.REFUSED)
            return None
        self._targets[link.name] = target
        self.context.observer.hedged(target, self.operation, HedgeEvent.SENT)
        return self.answered(partners, hedge=True)

    async def _asked_one(self, link: Link, following: Sequence[Link], *, hedge: bool) -> Given[Result] | None:
        options = call_options(self.deadline, self.operation, following, hedge=hedge)
        try:
            return Given(link, await self.ask(link, options))
        except Unavailable as error:
            self.unanswered.failed(link, error, options)
            if following:
                self.context.observer.fell_back(link.name, following[0].name, self.operation, error.outcome)
            return None
        except Rejected as error:
            return Given(link, error)


def call_options(
    deadline: Deadline, operation: OperationClass, following: Sequence[Link], *, hedge: bool = False
) -> CallOptions:
    """Reserve the time that the following providers need; a provider whose breaker refuses calls needs none."""
    others = any(not link.attempts.guards.breaker.refuses() for link in following)
    return CallOptions(keeping(deadline, operation, following), others=others, hedge=hedge)


def keeping(deadline: Deadline, operation: OperationClass, following: Sequence[Link]) -> Deadline:
    """Return the deadline that leaves the following providers the time that they need."""
    needs = sum(link.attempts.latencies.need(operation) for link in following)
    return deadline.keeping(needs) if following else deadline
