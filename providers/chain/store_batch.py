"""A batch of memories for one provider, stored slice by slice, so that what was stored in time is known to be."""

from collections.abc import Awaitable, Callable, Iterator, Sequence

from providers.answers import Stored
from providers.chain.deadline import Deadline
from providers.chain.errors import NoTimeLeft
from providers.chain.recall_batch import LEAST_SECONDS
from providers.errors import ProviderError, TimedOut, Unavailable
from providers.types import NewMemory

# A slice is what is embedded and stored within some 0.1 s: as many short texts, or long ones of so many characters.
SLICE_MEMORIES = 100
SLICE_CHARS = 64_000

StoreMany = Callable[[Sequence[NewMemory]], Awaitable[list[Stored | ProviderError]]]


async def store_slices(
    memories: Sequence[NewMemory], store_many: StoreMany, end: Deadline
) -> list[Stored | ProviderError]:
    """Store memories in slices, one after the other; return, in order, each one's id or why it was not stored.

    The memories of a slice without an answer have its error. After one that found nobody, no further one is tried.

    Raises:
        Unavailable: no slice was answered.
    """
    results: list[Stored | ProviderError] = []
    failure: Unavailable | None = None
    answered = False
    for part in slices(memories):
        if end.remaining() < LEAST_SECONDS:
            failure = NoTimeLeft("the deadline of the batch passed before this memory was sent")
        if failure is None or isinstance(failure, TimedOut):
            try:
                results += await store_many(part)
                answered = True
                continue
            except Unavailable as error:
                failure = error.with_traceback(None)  # a value now, as in `answer_all`
        results += [failure] * len(part)
    if not answered and failure is not None:
        raise next((one for one in results if isinstance(one, Unavailable) and one.ambiguous), failure)
    return results


def slices(memories: Sequence[NewMemory]) -> Iterator[Sequence[NewMemory]]:
    """Cut memories into slices, in order; a text that is longer than a slice is one by itself."""
    start = chars = 0
    for place, memory in enumerate(memories):
        size = len(memory.content)
        if place > start and (place - start == SLICE_MEMORIES or chars + size > SLICE_CHARS):
            yield memories[start:place]
            start, chars = place, 0
        chars += size
    yield memories[start:]
