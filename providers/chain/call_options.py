"""A provider's turn to answer: until when, and who could be asked instead."""

from msgspec import Struct

from providers.chain.deadline import Deadline


class CallOptions(Struct, frozen=True):
    """What a provider is asked with.

    `others`: if it gives no answer for long, somebody else can, so that waiting on would only keep the caller waiting.
    `last_resort`: it is asked whatever its breaker says, since nobody else is left.
    """

    deadline: Deadline
    others: bool = False
    last_resort: bool = False
