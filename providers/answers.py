"""The answers of providers: each holds the result, the provider that it comes from, and why it may be degraded."""

from msgspec import Struct

from providers.search.explanations import Considered
from providers.types import MemoryRecord

# Reasons why an answer is less than it could be, one word each.
WITHOUT_JOURNAL = "journal_unavailable"  # an answer lacks what a journal alone may know
PARTIAL = "partial"  # a list lacks memories that the provider cannot list
INCOMPLETE = "incomplete"  # items of a batch could not be done now, and are errors in their places
NO_VECTOR = "no_vector"  # an embedder returned none for the query, which was answered by its words
PLAIN_ORDER = "plain_order"  # the provider knows no other order than that of the scores
INDEX_TOO_LARGE = "index_too_large"  # a user has too many memories for an index, which orders otherwise
INDEX_LOADING = "index_loading"  # a user's memories are still being read, and were ordered as if without the index
APPROXIMATE = "approximate"  # too many memories were near each other to score all of them exactly


class Answer(Struct, frozen=True, kw_only=True):
    """The facts that every answer carries.

    `provider` is the name of the provider that answered, None where the answer does not pass a chain; `degraded` holds
    the reasons why the answer is less than it could be; `eventual` is true where acknowledged writes may be missing.
    """

    provider: str | None = None
    degraded: tuple[str, ...] = ()
    eventual: bool = False


class Found(Answer, frozen=True, kw_only=True):
    """Memories in the requested order.

    A page is `cut` if it ends early because of its bound in bytes: there are more memories behind the last one.
    `total` counts the memories that meet the conditions of a list, None where nobody asked for it. `considered` tells
    what a ranking looked at that explains its answer. `pending` are the ids of those of the query's pending memories
    that the provider does not have in this state; None if it has not ranked any with its own.
    """

    memories: list[MemoryRecord]
    cut: bool = False
    total: int | None = None
    considered: Considered | None = None
    pending: frozenset[str] | None = None


class Fetched(Answer, frozen=True, kw_only=True):
    """One memory."""

    memory: MemoryRecord


class Written(Answer, frozen=True, kw_only=True):
    """A durable write.

    `confirmed` is false where it is durable, but not yet stored where reads look first; `session` is a token for the
    write, to be sent with reads that must find it.
    """

    confirmed: bool = True
    session: str | None = None


class Stored(Written, frozen=True, kw_only=True):
    """The id of a stored memory, and its version, 0 where the store tells none.

    Where it was put by key, it is `tidied` if the store looks by itself whether others were put under the key. Of what
    was added to a history it tells whether it was `found` there.
    """

    id: str
    version: int = 0
    tidied: bool = False
    found: bool = False


class Changed(Written, frozen=True, kw_only=True):
    """The memory as it is now."""

    memory: MemoryRecord


class DeletedBy(Answer, frozen=True, kw_only=True):
    """The memory that a deletion of one name has deleted, None if it is not known to have deleted any."""

    memory_id: str | None = None


class Erased(Written, frozen=True, kw_only=True):
    """How many memories were deleted."""

    count: int
