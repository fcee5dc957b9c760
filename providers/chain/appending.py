"""The call to the journal that makes writes durable."""

from collections.abc import Sequence

from msgspec.structs import replace

from providers.chain.context import ChainContext
from providers.chain.execution import JOURNAL, Execution
from providers.chain.leasing import LEASE_SECONDS
from providers.chain.observer import JournalCall
from providers.chain.overlay import OLDEST_VERSION
from providers.errors import MemoryNotFound, OwnerErased, ProviderError, Rejected
from providers.journal.operations import Appended, Operation, OperationKind


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
    if all(isinstance(outcome, Appended) for outcome in outcomes):
        return outcomes
    if any(isinstance(outcome, OwnerErased) for outcome in outcomes):
        outcomes = await _above_fences(context, execution, operations, outcomes)
    if any(isinstance(outcome, Rejected) for outcome in outcomes):
        execution.answered(JOURNAL)
    return outcomes


async def _above_fences(
    context: ChainContext,
    execution: Execution,
    operations: Sequence[Operation],
    outcomes: Sequence[Appended | Rejected],
) -> list[Appended | Rejected]:
    """Append first writes anew, above the fences of their owners; what changes an erased memory finds none.

    The clock that minted them had not heard of the erasure. One that might repeat an earlier write gets the oldest
    version that there is above the fence.
    """
    again: dict[int, Operation] = {}
    final: dict[int, Appended | Rejected] = dict(enumerate(outcomes))
    for place, (operation, outcome) in enumerate(zip(operations, outcomes, strict=True)):
        if not isinstance(outcome, OwnerErased):
            continue
        context.clock.observe(outcome.version)
        if operation.kind is not OperationKind.REMEMBER:
            final[place] = MemoryNotFound(operation.state.id)
            continue
        oldest = operation.state.version == OLDEST_VERSION
        version = outcome.version + 1 if oldest else context.clock.next()
        state = operation.state
        first = version if state.first_version == state.version else state.first_version
        again[place] = replace(operation, state=replace(state, version=version, first_version=first))
    if again:
        late = await append_all(context, execution, [*again.values()])
        final |= dict(zip(again, late, strict=True))
    return [final[place] for place in range(len(outcomes))]


def raise_first(refused: Sequence[tuple[int, ProviderError]]) -> None:
    """Raise the first of what home has refused."""
    for _, error in refused:
        raise error
