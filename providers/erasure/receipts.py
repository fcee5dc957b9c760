"""What is written down of one erasure while it goes on, and what its receipt says in the end."""

from msgspec import Struct
from msgspec.structs import replace

from providers.owners import Owner

# Why a store is not done where the fence has to be raised.
OUTRUN = "a process that had not heard of the erasure has changed memories of it: it begins anew, above them"


class ErasedInJournal(Struct, frozen=True, kw_only=True):
    """How much an erasure has removed from the journal.

    `operations` and `versions` are those that replaced others and those that were replaced, `notes` the ids of older
    edits; `deliveries` were pending, `dead_letters` had been given up.
    """

    operations: int = 0
    versions: int = 0
    notes: int = 0
    deliveries: int = 0
    dead_letters: int = 0

    def __add__(self, other: "ErasedInJournal") -> "ErasedInJournal":
        """Return the sum."""
        return ErasedInJournal(
            operations=self.operations + other.operations,
            versions=self.versions + other.versions,
            notes=self.notes + other.notes,
            deliveries=self.deliveries + other.deliveries,
            dead_letters=self.dead_letters + other.dead_letters,
        )


class StoreErasure(Struct, frozen=True, kw_only=True):
    """What an erasure has done in one store, and what was asked of the store afterwards.

    `states` counts the memories and tombstones that were removed. Afterwards the store was asked for `ids` of them one
    by one, for a list of all, and `questions` in the words of erased memories, which it looks up by vector and by word;
    it showed none. `unconfirmed` says what could not be asked and why, `stays` what the store's own machinery keeps.
    `trouble` is why it is not done yet; `erased_at` is None until it is, and in seconds since 1970.
    """

    provider: str
    states: int = 0
    ids: int = 0
    listed: bool = False
    questions: int = 0
    unconfirmed: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()
    trouble: str | None = None
    erased_at: float | None = None

    @property
    def done(self) -> bool:
        """Whether the store holds nothing of the user any more."""
        return self.erased_at is not None


class Erasure(Struct, frozen=True, kw_only=True):
    """One erasure of an owner.

    `owner` is the owner's key; it is emptied at the last look, and then only the keyed `hash` is left. `version` is 0
    until the fence stands; what is written above it belongs to a user who has come back. `finished_at` is when the last
    of the stores had erased all, and `confirmed_at` when they were looked at once more, after anything that was still
    under way has arrived; all moments are seconds since 1970 by the journal's clock. `again` counts the requests that
    came while it went on, and `covered` those of them that the fence stands above: between the fence and such a request
    the user may have come back and written.
    """

    id: str
    owner: str
    hash: str
    requested_at: float
    version: int = 0
    stores: tuple[StoreErasure, ...] = ()
    journal: ErasedInJournal | None = None
    finished_at: float | None = None
    confirmed_at: float | None = None
    again: int = 0
    covered: int = 0

    @property
    def whose(self) -> Owner:
        """The owner, as long as it is known."""
        return Owner.of_key(self.owner)

    @property
    def open(self) -> bool:
        """Whether something is still to be done."""
        return self.confirmed_at is None

    @property
    def outdated(self) -> bool:
        """Whether it was requested once more: a higher fence is needed, and every store has to be asked anew."""
        return self.again > self.covered

    def begun_anew(self) -> "Erasure":
        """Return it with everything still to be done, for all requests so far; what was removed stays counted."""
        stores = tuple(replace(one, erased_at=None) for one in self.stores)
        return replace(self, version=0, stores=stores, covered=self.again)

    def noted_over(self, known: "Erasure") -> "Erasure":
        """Return what is to be written down in place of what is `known`, which may have been requested once more."""
        merged = replace(self, again=max(self.again, known.again))
        return replace(merged, finished_at=None) if merged.outdated else merged

    def of(self, provider: str) -> StoreErasure:
        """Return what was done in the store of a provider."""
        return next((one for one in self.stores if one.provider == provider), StoreErasure(provider=provider))
