"""The order in which a read asks providers, and whether what a provider does not find counts."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from msgspec import Struct

from observability import notes
from providers import background
from providers.chain.link import Link
from providers.chain.policy import OperationClass
from providers.errors import ProviderError


def _always(_provider: str) -> bool:
    return True


class Hedging(Struct):
    """Whether and to whom reads are hedged.

    `looked_well` tells whether the last look at the store of a provider has found nothing wrong with it. `samples` are
    the calls to providers that are asked second, of which nobody awaits the answer.
    """

    enabled: bool = True
    looked_well: Callable[[str], bool] = _always
    samples: set[asyncio.Task[None]] = set()

    def ordered(self, readers: Sequence[Link], operation: OperationClass) -> Sequence[Link]:
        """Return the providers in the order to be asked: one that is mostly slow comes after the next that is not."""
        if not self.enabled or not readers[0].attempts.pace.second:
            return readers
        quick = self.partners(readers[0], readers[1:], operation)
        if not quick or quick[0].attempts.pace.second:
            return readers
        return [quick[0], *(link for link in readers if link is not quick[0])]

    def partners(self, link: Link, others: Sequence[Link], operation: OperationClass) -> list[Link]:
        """Return those of the others that may be asked beside or before a provider; those that are slow come last.

        A recall goes only to one that returns the same memories in the same order: what a caller gets must not depend
        on who is slow.
        """
        partners = [other for other in others if not other.attempts.guards.breaker.refuses()]
        if operation is OperationClass.RECALL:
            ranking = link.provider.ranking
            partners = [other for other in partners if ranking is not None and other.provider.ranking == ranking]
        partners.sort(key=lambda other: other.attempts.pace.second)
        return partners

    def sample(self, ask: Callable[[], Awaitable[object]], provider: str) -> None:
        """Ask a provider in the background, so that it is found out when it is quick again."""
        context = background.detached()
        context.run(notes.current.set, None)
        task = asyncio.get_running_loop().create_task(_without_answer(ask), name=f"sample {provider}", context=context)
        self.samples.add(task)
        task.add_done_callback(self.samples.discard)
        task.add_done_callback(background.note_bug)


async def _without_answer(ask: Callable[[], Awaitable[object]]) -> None:
    with suppress(ProviderError):
        await ask()
