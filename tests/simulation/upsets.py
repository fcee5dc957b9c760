"""What changes behind the chain's back in a run: stores, journals and clocks that are not what they were."""

from collections.abc import Sequence
from enum import StrEnum
from random import Random

from msgspec import Struct


class UpsetKind(StrEnum):
    """What is changed."""

    ROLLBACK = "rollback"  # stores are put back to a copy that was taken earlier
    FAILOVER = "failover"  # a store goes on as a replica that lags, with the same mark and without the last writes
    OLDER_JOURNAL = "older_journal"  # the journal is put back to a copy that was taken earlier
    EMPTY_JOURNAL = "empty_journal"  # a new journal is in the place of the right one
    FOREIGN_JOURNAL = "foreign_journal"  # the journal of another installation is
    REPLACED = "replaced"  # an empty store answers under the name of another
    SPLIT = "split"  # one process sees another store under a name than the rest
    CLOCK = "clock"  # a clock on the wall is set
    DELETION = "deletion"  # one store alone knows that a memory was deleted
    FOUNDING = "founding"  # the journal is new, and the first of the order a newcomer
    STALENESS = "staleness"  # a store shows late what it has taken


class Upset(Struct, frozen=True, kw_only=True):
    """One change, `at` a moment, of the stores `names` or at one `replica`.

    A copy was `copied` before that; what is wrong is put right after some `seconds`, if it is not right by then. Clocks
    are set by a `jump` of seconds, and `memory` is the one that was deleted. Stores are `stale` for seconds.
    """

    kind: UpsetKind
    at: float = 0.0
    names: tuple[str, ...] = ()
    copied: float = 0.0
    seconds: float = 0.0
    replica: int = 0
    jump: float = 0.0
    memory: int = 0
    stale: float = 0.0


LATEST = 9.0  # seconds by when everything has been changed
_EARLIEST_COPY = 0.2
_RETAINED = 4.0  # less than the journal retains
_HOUR = 3_600.0
_OF_ALL = 0.4  # of all rollbacks are those of all stores
_FAR = 0.7  # of these go back to before what the journal retains, so that something is lost by nature
_EARLY, _LATE = 1.0, 8.0  # seconds


def upsets_of(
    chance: Random, kind: UpsetKind, order: Sequence[str], old: Sequence[int], replicas: int, *, weak: bool
) -> tuple[Upset, ...]:
    """Draw changes of one kind."""
    at = chance.uniform(2.0, LATEST)
    # What keeps no tombstones is put right by those of the journal alone.
    copied = chance.uniform(max(_EARLIEST_COPY, at - _RETAINED) if weak else _EARLIEST_COPY, at)
    seconds = chance.uniform(1.0, 5.0)
    names: tuple[str, ...] = (chance.choice(order),)
    if kind is UpsetKind.ROLLBACK and chance.random() < _OF_ALL:
        names = tuple(order)
        if not weak and chance.random() < _FAR:
            at, copied = chance.uniform(_LATE, LATEST), chance.uniform(_EARLIEST_COPY, _EARLY)
    upset = Upset(kind=kind, at=at, names=names, copied=copied, seconds=seconds, replica=chance.randrange(replicas))
    match kind:
        case UpsetKind.CLOCK:
            jumps = [chance.choice((-_HOUR, _HOUR)) for _ in range(chance.choice((1, 2)))]
            return tuple(
                Upset(kind=kind, at=chance.uniform(0, LATEST), replica=chance.randrange(replicas), jump=jump)
                for jump in jumps
            )
        case UpsetKind.DELETION if not old:
            return ()
        case UpsetKind.DELETION:
            return (Upset(kind=kind, at=at, names=names, memory=chance.choice(old)),)
        case UpsetKind.STALENESS:
            return (Upset(kind=kind, names=names, stale=chance.uniform(0.1, 2.0)),)
        case _:
            return (upset,)
