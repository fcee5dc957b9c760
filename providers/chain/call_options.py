"""The options of one call to a provider: its deadline, and whether another provider could answer instead."""

from msgspec import Struct

from providers.chain.deadline import Deadline


class CallOptions(Struct, frozen=True):
    """The options of one call to a provider.

    `others`: another provider can be asked if this one does not answer soon, so waiting longer would only delay the
    caller. `last_resort`: the call is made whatever the breaker says, because no other provider is left.
    """

    deadline: Deadline
    others: bool = False
    last_resort: bool = False
