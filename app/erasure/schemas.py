"""The receipt of an erasure as callers see it."""

from datetime import UTC, datetime
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from providers.erasure.receipts import Erasure
from providers.owners import DEFAULT_TENANT

# What no store can tell, and what is true of every erasure.
_BACKUPS = (
    "backups that were made before, for as long as you keep them: what one brings back is erased again, at the start of"
    " the service or by `ninai erasure replay`, for as long as the list is kept"
)
_JOURNAL = (
    "in a journal in PostgreSQL the pages of its tables and its write-ahead log, as in a store; of one in a file"
    " nothing but what unused space of its pages may hold"
)
STAYS = (
    _BACKUPS,
    _JOURNAL,
    "the audit trail, if it is on: who called when and for which user, without texts",
    "the counts of usage: how often the user was asked for and written to, under another keyed hash",
    "the keyed hash of the user with the version up to which it was erased, which keeps the user erased",
)


class ErasedStore(Struct, frozen=True, kw_only=True):
    """What was done in one store, and what the store was asked afterwards.

    `states` memories and tombstones were removed. Then the store showed none of `ids` of them by id, none in a list of
    all if it was `listed`, and none when it was asked for by `questions` of their texts, which are looked up by word
    and by vector. `unconfirmed` says what could not be asked, `stays` what the machinery of the store still holds, and
    how long. `trouble` is why it is pending, null if it is not.
    """

    provider: str
    status: Literal["erased", "pending"]
    states: int
    ids: int
    listed: bool
    questions: int
    unconfirmed: list[str]
    stays: list[str]
    trouble: str | None
    erased_at: datetime | None


class ErasedJournal(Struct, frozen=True, kw_only=True):
    """What was removed from the journal: operations, older versions, notes of edits, and deliveries of all these."""

    operations: int
    versions: int
    notes: int
    deliveries: int
    dead_letters: int


class ErasureResponse(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The receipt of an erasure.

    It is `pending` until every store has erased the user, then `erased`, and `confirmed` once the stores were looked at
    again after all that was under way has arrived. Until then `user_id` names the user; after that only `user_hash`
    does, which is a keyed hash. `journal` is null where there is none. `stays` holds beside what the stores say.
    """

    erasure_id: str
    status: Literal["pending", "erased", "confirmed"]
    requested_at: datetime
    erased_at: datetime | None
    confirmed_at: datetime | None
    user_hash: str
    stores: list[ErasedStore]
    journal: ErasedJournal | None
    stays: list[str]
    user_id: str | UnsetType = UNSET
    tenant: str | UnsetType = UNSET


class ErasuresResponse(Struct, frozen=True):
    """The newest erasures."""

    erasures: list[ErasureResponse]
    count: int


def receipt_of(erasure: Erasure) -> ErasureResponse:
    """Return the receipt of an erasure."""
    known = erasure.whose if erasure.owner else None
    status: Literal["pending", "erased", "confirmed"] = "pending"
    if erasure.finished_at is not None:
        status = "erased" if erasure.open else "confirmed"
    journal = erasure.journal
    return ErasureResponse(
        erasure_id=erasure.id,
        status=status,
        requested_at=_moment(erasure.requested_at),
        erased_at=_perhaps(erasure.finished_at),
        confirmed_at=_perhaps(erasure.confirmed_at),
        user_hash=erasure.hash,
        stores=[
            ErasedStore(
                provider=one.provider,
                status="erased" if one.done else "pending",
                states=one.states,
                ids=one.ids,
                listed=one.listed,
                questions=one.questions,
                unconfirmed=list(one.unconfirmed),
                stays=list(one.stays),
                trouble=one.trouble,
                erased_at=_perhaps(one.erased_at),
            )
            for one in erasure.stores
        ],
        journal=None
        if journal is None
        else ErasedJournal(
            operations=journal.operations,
            versions=journal.versions,
            notes=journal.notes,
            deliveries=journal.deliveries,
            dead_letters=journal.dead_letters,
        ),
        stays=list(STAYS),
        user_id=UNSET if known is None else known.user,
        tenant=UNSET if known is None or known.tenant == DEFAULT_TENANT else known.tenant,
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _perhaps(seconds: float | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)
