"""One read, asked of one provider after the other, and of the next one as well where patience ends."""

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from types import TracebackType
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
    answer that counts. `doubtful` is an answer that counts only if there is no other one.
    """

    context: ChainContext
    hedging: Hedging
    operation: OperationClass
    ask: AskLink[Result]
    deadline: Deadline
    unanswered: Unanswered
    hedged: bool
    doubtful: Given[Result] | None = None
    _asked: set[str] = set()

    def turns(self, readers: Sequence[Link], *, hedge: bool = False) -> "Iterator[Turn[Result]]":
        """Yield the turn of each provider that has not been asked yet."""
        for place, link in enumerate(readers):
            if link.name not in self._asked:
                self._asked.add(link.name)
                yield Turn(self, link, readers[place + 1 :], hedge=hedge)

    async def answered(self, readers: Sequence[Link]) -> Given[Result] | None:
        """Return the first answer that counts, of providers that are asked beside another one; None if none does."""
        for turn in self.turns(readers, hedge=True):
            with turn:
                turn.answer = await self.ask(turn.link, turn.options)
            if turn.under_way:
                await turn.wait()
            if turn.result is not None:
                return turn.result
        return None

    def counts(self, given: Given[Result]) -> bool:
        """Return whether an answer may end the read; that there is nothing is not believed of everybody."""
        if not given.says_nothing or given.link is self.unanswered.first:
            return True
        return self.hedging.looked_well(given.link.name)

    def partners(self, link: Link, following: Sequence[Link]) -> list[Link]:
        """Return whom else to ask beside a slow provider."""
        others = [other for other in following if other.name not in self._asked]
        return [] if self.deadline.expired else self.hedging.partners(link, others, self.operation)


class Turn(Race[Given[Result]]):
    """The turn of one provider: the call to it, within `options`, and the hedge beside it; the body sets the answer."""

    __slots__ = ("_following", "_read", "_target", "answer", "link", "options")

    def __init__(self, read: HedgedRead[Result], link: Link, following: Sequence[Link], *, hedge: bool = False) -> None:
        hedged = read.hedged and bool(following)
        super().__init__(link.patience(read.operation) if hedged else None, read.context.now)
        self.link = link
        self.options = call_options(read.deadline, read.operation, following, hedge=hedge)
        self.answer: Result
        self._read = read
        self._following = following
        self._target: str | None = None  # the provider that is asked as well

    def taken(self) -> Given[Result]:
        """Hand the result over: if this held an error that is raised, the error and its frames would refer to it."""
        given, self.result = self.result, None
        if given is None:
            raise RuntimeError(f"{self.link.name} has not answered")
        return given

    def begin_second(self) -> Coroutine[Any, Any, Given[Result] | None] | None:
        """Begin to ask the next provider as well, if there is one and the budget of the slow one allows it.

        Where most reads are slow, the budget is not asked: it keeps a few slow answers from multiplying the load, and
        must not keep all reads waiting.
        """
        read, attempts = self._read, self.link.attempts
        attempts.pace.note_read(in_time=False)
        partners = read.partners(self.link, self._following)
        if not partners:
            return None
        target = partners[0].name
        if not attempts.pace.mostly_slow and not attempts.guards.budget.take():
            read.context.observer.hedged(target, read.operation, HedgeEvent.REFUSED)
            return None
        self._target = target
        read.context.observer.hedged(target, read.operation, HedgeEvent.SENT)
        return read.answered(partners)

    def ended(self, error: BaseException | None) -> bool:
        """See `Race`."""
        if error is None:
            self._take(Given(self.link, self.answer))
        elif isinstance(error, Unavailable):
            self._failed(error)
        elif isinstance(error, Rejected):
            self._take(Given(self.link, error))
        else:
            return False
        return True

    async def wait(self) -> None:
        """See `Race`."""
        try:
            await super().wait()
        finally:
            self._tell()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        goes_on = super().__exit__(kind, error, traceback)
        if not self.late:
            self.link.attempts.pace.note_read(in_time=True)
        elif not (goes_on and self.under_way):
            self._tell()
        return goes_on

    def _tell(self) -> None:
        """Report what became of the hedge."""
        if self._target is not None:
            event = HedgeEvent.WON if self.won_by_second else HedgeEvent.LOST
            self._read.context.observer.hedged(self._target, self._read.operation, event)

    def _take(self, given: Given[Result]) -> None:
        if self._read.counts(given):
            self.result = given
        else:
            self._read.doubtful = given

    def _failed(self, error: Unavailable) -> None:
        read = self._read
        read.unanswered.failed(self.link, error, self.options)
        if self._following:
            target = self._following[0].name
            read.context.observer.fell_back(self.link.name, target, read.operation, error.outcome)


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
