"""What a store tells about itself: who it is, and the mark that a chain has left in it."""

from msgspec import Struct


class StoreMark(Struct, frozen=True, kw_only=True):
    """What a chain has noted in a store: whose it is, and how far it is.

    `installation` and `journal` are the ids of those that the store belongs to. `epoch` counts the states to which the
    store was reset, and `number` grows while it receives writes; it was written at `at`, in seconds since 1970 by the
    clock of the process. `pending` is false only if the journal held nothing that the store lacked when its service
    ended.
    """

    installation: str
    journal: str
    epoch: int
    number: int
    at: float
    pending: bool = True


class Introduction(Struct, frozen=True, kw_only=True):
    """What a store tells about itself.

    `identity` is that of its data; `lineage` changes when its server begins another history of the same data, by
    failing over or by recovering to an earlier moment, and is None where the server tells nothing of the kind. `mark`
    is None in a store in which no chain has left one.
    """

    identity: str
    lineage: str | None = None
    mark: StoreMark | None = None
