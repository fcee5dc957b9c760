"""A batch of queries, each answered by itself, with what is left of the time and of the answer's bytes."""

from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from observability import notes
from providers.answer_size import size_of
from providers.answers import Answer, Found
from providers.batches import answer_all
from providers.chain.deadline import Deadline
from providers.chain.errors import NoTimeLeft
from providers.errors import AnswerTooLarge, ProviderError, TimedOut, Unavailable
from providers.types import RecallQuery

CONCURRENT_RECALLS = 4  # queries of one batch that run at once

# Without an answer between them, so many queries find nobody that could answer before the others are not asked any
# more. Else each of a thousand would be the last resort of a provider that is down.
MOST_IN_VAIN = 2 * CONCURRENT_RECALLS

LEAST_SECONDS = 0.001  # in which nobody has ever answered

Ask = Callable[[RecallQuery], Awaitable[Found]]


class RecallBatch(Struct):
    """Answer the queries of one batch before its `end`, a few at a time."""

    end: Deadline
    _bytes_left: int = 0
    _in_vain: int = 0
    _last: Unavailable | None = None

    async def answers(self, queries: Sequence[RecallQuery], ask: Ask) -> list[Found | ProviderError]:
        """Return each query's answer or error, in order; what was answered in time stays, whatever becomes of the rest.

        Raises:
            Unavailable: none was answered, for reasons that may pass.
        """
        self._bytes_left = queries[0].most_bytes or 0
        answers = await answer_all(queries, lambda query: self._answer(query, ask), _at_once())
        if all(isinstance(answer, Unavailable) for answer in answers):
            raise next(answer for answer in answers if isinstance(answer, Unavailable))
        return answers

    async def _answer(self, query: RecallQuery, ask: Ask) -> Found:
        if self._last is not None and self._in_vain >= MOST_IN_VAIN:
            raise self._last
        if self.end.remaining() < LEAST_SECONDS:
            raise NoTimeLeft("the deadline of the batch passed before this query was asked")
        try:
            return await self._within(query, ask)
        except Unavailable as error:
            # One that took too long may have been a dear one, and the time ends by itself.
            self._in_vain += not isinstance(error, (TimedOut, NoTimeLeft))
            self._last = error
            raise

    async def _within(self, query: RecallQuery, ask: Ask) -> Found:
        most = query.most_bytes
        if most is None:
            return self._answered(await ask(query))
        if self._bytes_left <= 0:
            raise AnswerTooLarge(most)
        try:
            found = self._answered(await ask(replace(query, most_bytes=self._bytes_left)))
        except AnswerTooLarge as error:
            raise _too_large(most, error.answer) from None  # it names what was left
        size = await size_of(found.memories)
        if size > self._bytes_left:  # others have been answered meanwhile
            raise _too_large(most, found)
        self._bytes_left -= size
        return found

    def _answered(self, found: Found) -> Found:
        self._in_vain = 0
        return found


def _at_once() -> int:
    request = notes.current.get()
    return CONCURRENT_RECALLS if request is None else max(1, int(CONCURRENT_RECALLS * request.parallelism))


def _too_large(most_bytes: int, answer: Answer | None) -> AnswerTooLarge:
    error = AnswerTooLarge(most_bytes)
    error.answer = answer
    return error
