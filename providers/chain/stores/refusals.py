"""The refusals of stores: why one is not accepted under a name, and the way on."""

from msgspec import Struct

ADOPT = "bring the right one back, or have this journal take the stores over: `ninai journal adopt`"


def of_another_journal(name: str) -> str:
    """Return the reason why the store of a journal is not that of another one."""
    return f"{name} belongs to another journal: {ADOPT}"


def of_another_installation(name: str) -> str:
    """Return the reason why a store is not that of a journal whose installation nobody confirms."""
    return f"the journal is that of another installation, and {name} does not belong to it: {ADOPT}"


class Refusal(Struct, frozen=True):
    """Why a store is not accepted under a name; `waits` is true if that may pass by itself."""

    reason: str
    waits: bool = False
