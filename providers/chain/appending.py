"""The call to the journal that makes writes durable."""

from collections.abc import Sequence

from providers.chain.context import ChainContext
from providers.chain.execution import JOURNAL, Execution
from providers.chain.leasing import LEASE_SECONDS
from providers.chain.observer import JournalCall
from providers.errors import ProviderError, Rejected
from providers.journal.operations import Appended, Operation


async def append_all(
    context: ChainContext, execution: Execution, operations: Sequence[Operation]
) -> list[Appended | Rejected]:
    """Append operations in one transaction, and lease their deliveries to home; return outcomes in order.

    Raises:
        JournalUnavailable: nothing was promised.
    """
    if not operations:
        return []
    home = None if execution.route.home is None else execution.route.home.name
    outcomes = await context.journal(
        lambda journal: journal.append(operations, held=home, seconds=LEASE_SECONDS),
        execution.deadline.remaining(),
        JournalCall.APPEND,
    )
    if any(isinstance(outcome, Rejected) for outcome in outcomes):
        execution.answered(JOURNAL)
    return outcomes


def raise_first(refused: Sequence[tuple[int, ProviderError]]) -> None:
    """Raise the first of what home has refused."""
    for _, error in refused:
        raise error
