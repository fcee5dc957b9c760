"""A wrapper that times, counts, notes and traces every call to a provider."""

from collections.abc import Callable, Coroutine, Sequence
from time import perf_counter
from types import TracebackType
from typing import Any, Self

from observability import notes, tracing
from observability.metrics import Metrics
from providers.answers import INCOMPLETE, Answer, Changed, Erased, Fetched, Found, Stored, Written
from providers.base import MemoryProvider
from providers.errors import ProviderError, Rejected, Unavailable
from providers.health import Health
from providers.owners import Owner
from providers.types import PageQuery
from providers.wrapper import Call, OperationName, Result, Wrapper


class MeasuredProvider(Wrapper):
    """Record how long every call took and how it ended, under the name of the provider that answered.

    `provider` returns the current provider, and `name` the name under which unanswered operations are counted. The
    facts in the answer are noted for the response's headers and the access log. `permit` is asked before each
    call, with how many memories it concerns, and raises what refuses it. `answered` is told each result.
    """

    def __init__(
        self,
        provider: Callable[[], MemoryProvider],
        name: Callable[[], str],
        metrics: Metrics,
        permit: Callable[[OperationName, int], None] = lambda _operation, _size: None,
        answered: Callable[[OperationName, object], None] = lambda _operation, _result: None,
    ) -> None:
        self._current = provider
        self._name = name
        self._metrics = metrics
        self._permit = permit
        self._answered = answered

    async def through(self, operation: OperationName, call: Call[Result], size: int = 1) -> Result:
        """Make the call, and record it."""
        self._permit(operation, size)
        with _Span(self._name, operation, self._metrics) as span:
            result = await call(self._current())
            span.learn(result)
            self._answered(operation, result)
            return result

    def page(self, query: PageQuery) -> Coroutine[Any, Any, Found]:
        """See `MemoryStore`; what is listed by its key is what somebody gets by it."""
        if query.key is None:
            return super().page(query)
        return self.through(OperationName.LIST, lambda provider: self._got(provider, query))

    async def _got(self, provider: MemoryProvider, query: PageQuery) -> Found:
        page = await provider.page(query)
        self._answered(OperationName.GET, page)
        return page

    def puts_keyed(self, owner: Owner) -> bool:
        """See `MemoryStore`."""
        return self._current().puts_keyed(owner)


class _Span:
    """The measurement of one call; no generator, because it stands in the path of every request."""

    __slots__ = ("_answers", "_incomplete", "_metrics", "_name", "_operation", "_started", "_traced", "outcome")

    def __init__(self, name: Callable[[], str], operation: str, metrics: Metrics) -> None:
        self._answers: Sequence[Answer] = ()
        self._incomplete = False
        self._name = name
        self._operation = operation
        self._metrics = metrics
        self._started = 0.0
        self._traced = tracing.NOTHING
        self.outcome = "ok"

    def learn(self, result: object) -> None:
        """Read the facts of a result; an unhealthy one counts as unavailable."""
        if isinstance(result, Answer):
            self._answers = (result,)
        elif isinstance(result, list):
            faults = (one.answer for one in result if isinstance(one, ProviderError))
            self._answers = [one for one in (*result, *faults) if isinstance(one, Answer)]
            self._incomplete = any(isinstance(one, Unavailable) for one in result)
        elif isinstance(result, Health) and not result.healthy:
            self.outcome = "unavailable"

    def __enter__(self) -> Self:
        self._traced = tracing.span(self._operation).__enter__()
        self._started = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        seconds = perf_counter() - self._started
        request = notes.current.get()
        if isinstance(error, ProviderError):
            self.outcome = error.outcome
            self._answers = () if error.answer is None else (error.answer,)
        elif error is not None:
            self.outcome = "bug" if isinstance(error, Exception) else "cancelled"
        elif not all(one.confirmed for one in self._answers if isinstance(one, Written)):
            self.outcome = "accepted"
        name, degraded = self._note(request)
        self._metrics.observe_operation(name or self._name(), self._operation, self.outcome, seconds)
        if request is not None:
            if request.deeds is not None:
                self._tell(request, request.deeds)
            waited = request.provider_seconds + request.journal_seconds
            self._metrics.observe_overhead(self._operation, max(0.0, seconds - waited))
            self._metrics.observe_degraded(self._operation, degraded)
        if self._traced.recorded:
            self._traced.set("ninai.provider", name or self._name())
            self._traced.set("ninai.outcome", self.outcome)
            if degraded:
                self._traced.set("ninai.degraded", degraded)
            if isinstance(error, Rejected):
                self._traced.answer()
        self._traced.__exit__(kind, error, traceback)

    def _tell(self, request: notes.Notes, deeds: list[notes.Deed]) -> None:
        """Tell those who ask later what was done, and to which memories."""
        ids = [memory_id for answer in self._answers for memory_id in _ids_in(answer)]
        erased = sum(answer.count for answer in self._answers if isinstance(answer, Erased))
        deeds.append(notes.Deed(self._operation, self.outcome, len(ids) + erased))
        for memory_id in ids:
            request.concerns(memory_id)

    def _note(self, request: notes.Notes | None) -> tuple[str | None, list[str]]:
        """Note the facts of the answers; return the provider of the last one, and all reasons why they are degraded."""
        name = token = None
        reasons: dict[str, None] = {}
        eventual = False
        for one in self._answers:
            name = name if one.provider is None else one.provider
            reasons.update(dict.fromkeys(one.degraded))
            eventual = eventual or one.eventual
            if isinstance(one, Written) and one.session is not None:
                token = one.session
        degraded = list(reasons)
        if self._incomplete:
            degraded.append(INCOMPLETE)
        if request is not None and self._answers:
            request.answered(name, degraded, eventual=eventual)
            request.token = token
        return name, degraded


def _ids_in(answer: Answer) -> list[str]:
    """Return the ids of the memories that an answer shows or has stored."""
    match answer:
        case Stored():
            return [answer.id]
        case Found():
            return [memory.id for memory in answer.memories]
        case Fetched() | Changed():
            return [answer.memory.id]
        case _:
            return []
