"""The limits on how long requests and tries may take with these settings, and the source of each number."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from app.settings.layers import DEFAULT, Origin
from app.settings.model import Settings
from providers.chain.policy import AttemptPolicy, OperationClass
from providers.expectations import LEAST_TRY, MOST_TRY, USUAL_FACTOR
from providers.limits import MAX_BATCH

UNTIL_DEADLINE = "until the deadline"
FOUND_OUT = f"{USUAL_FACTOR:g} times the usual, {LEAST_TRY:g} to {MOST_TRY:g} s"
DELIVERED = f"{USUAL_FACTOR:g} times the usual, at least {MOST_TRY:g} s"

_LONGEST = "chain.longest_request"


class LimitsInForce(Struct, frozen=True, kw_only=True):
    """Hold the limits of one class of operations at one provider.

    `deadline` and `batch_deadline`, that of the largest batch, are in seconds. `try_limit` says how long one try may
    take. `deadline_from` and `try_limit_from` name the source of each.
    """

    provider: str
    operation: OperationClass
    deadline: float
    batch_deadline: float
    deadline_from: str
    try_limit: str
    try_limit_from: str

    @property
    def sentence(self) -> str:
        """Describe all of it in one line."""
        deadline = f"deadline {self.deadline:g} s ({self.deadline_from}), up to {self.batch_deadline:g} s for a batch"
        return f"{deadline}; one try {self.try_limit} ({self.try_limit_from})"


def limits_in_force(settings: Settings, origins: Mapping[str, Origin]) -> Iterator[LimitsInForce]:
    """Yield the limits of every provider in the order, class by class."""
    longest = settings.chain.longest_request
    for place, name in enumerate(settings.order):
        attempts = settings.chain.attempts.get(name, AttemptPolicy())
        following = place + 1 < len(settings.order)
        for operation in OperationClass:
            policy = attempts.of(operation)
            path = f"chain.attempts.{name}.{operation.value}"
            cut = policy.deadline > longest
            yield LimitsInForce(
                provider=name,
                operation=operation,
                deadline=policy.seconds(1, longest),
                batch_deadline=policy.seconds(MAX_BATCH, longest),
                deadline_from=_LONGEST if cut else str(origins.get(f"{path}.deadline", DEFAULT)),
                try_limit=_try_limit(settings, policy.try_limit, operation, others=following),
                try_limit_from=str(origins.get(f"{path}.try_limit", DEFAULT)),
            )


def _try_limit(settings: Settings, configured: float | None, operation: OperationClass, *, others: bool) -> str:
    if configured is not None:
        return f"{configured:g} s"
    if operation is OperationClass.REPLAY:
        return DELIVERED
    if operation.writes:
        # What is durable before the provider is asked is delivered otherwise, unless every caller waits for it.
        journalled = len(settings.order) > 1 or settings.journal.always(settings.data_dir)
        return DELIVERED if journalled and not settings.chain.writes_wait else UNTIL_DEADLINE
    return FOUND_OUT if others else UNTIL_DEADLINE
