"""The errors of every provider: which are retried, which make a chain ask another provider, which are answers.

    ProviderError
    +-- Unavailable              try again, or elsewhere; `ambiguous`: the write may have happened
    |   +-- Unreachable          no connection could be made, so that nothing was sent
    |   +-- TimedOut             no answer within the time allowed
    |   +-- Throttled            the backend refuses load; `retry_after` seconds, if it said how long
    |   +-- Misconfigured        wrong key, wrong schema, missing extension: an operator must act
    +-- Rejected                 an answer, the same from every provider: never retried
        +-- InvalidInput         `field` breaks the rule that `reason` states
        +-- MemoryNotFound       no such memory of this user
        |   +-- KeyNotFound      no memory of this user has the key
        +-- MemoryDeleted        this id was deleted, and delete wins for ever
        +-- OwnerErased          all of this user was erased, up to a later version than this one
        +-- Conflict             this id holds something else than what was sent
        +-- VersionMismatch      the memory has another version than the one that was expected
        +-- KeyTaken             another memory of this user has the key
        +-- CursorLost           the list cannot be continued; it must be started again
        +-- FeedLost             the feed cannot go on behind this position; it must be begun again
        +-- SessionLost          the session is of a journal that is gone; it must be dropped
        +-- AnswerTooLarge       the answer is larger than its bound in bytes
        +-- QuotaExceeded        the user, or its tenant, would hold more than it may
        +-- Unsupported          this provider cannot do it; a retry gets the same answer

A provider raises nothing else. An exception that is not a `ProviderError` is a bug.
"""

from typing import ClassVar, Literal

from providers.answers import Answer

ASK_AGAIN = 1.0  # seconds until another try makes sense, where nothing better is known


class ProviderError(Exception):
    """The root of the errors of providers; `outcome` is the label in metrics and logs.

    A refusal is an answer, too: `answer` holds its facts where it passed a chain.
    """

    outcome: ClassVar[str] = "error"
    answer: Answer | None = None


class Unavailable(ProviderError):
    """The provider cannot answer now; another try or another provider may.

    `ambiguous` is true when a write may have happened although no confirmation came. `retry_after` is the seconds until
    another try makes sense, None if unknown.
    """

    outcome = "unavailable"

    def __init__(self, reason: str, *, ambiguous: bool = False, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.ambiguous = ambiguous
        self.retry_after = retry_after


class Unreachable(Unavailable):
    """No connection could be made, so that nothing was sent: the backend is down or missing."""


class TimedOut(Unavailable):
    """No answer within the time allowed."""

    outcome = "timeout"


class Throttled(Unavailable):
    """The backend refuses more load for now; `retry_after` is the time that it asked for."""

    outcome = "throttled"


class Misconfigured(Unavailable):
    """The backend answers, but refuses us; only an operator can correct this."""

    outcome = "misconfigured"


class Rejected(ProviderError):
    """An answer, not a failure: every provider would say the same."""

    outcome = "rejected"


class InvalidInput(Rejected):
    """An argument breaks a rule; `field` is its name, `reason` the rule."""

    outcome = "invalid"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class MemoryNotFound(Rejected):
    """No such memory of this user."""

    outcome = "not_found"

    def __init__(self, memory_id: str) -> None:
        super().__init__(f"no memory {memory_id}")
        self.memory_id = memory_id


class KeyNotFound(MemoryNotFound):
    """No memory of this user has the key."""

    def __init__(self, key: str) -> None:
        Exception.__init__(self, f"no memory under the key {key!r}")
        self.memory_id = ""
        self.key = key


class MemoryDeleted(Rejected):
    """This id was deleted, so that nothing can be stored under it again."""

    outcome = "deleted"

    def __init__(self, memory_id: str) -> None:
        super().__init__(f"memory {memory_id} was deleted")
        self.memory_id = memory_id


class OwnerErased(Rejected):
    """The owner was erased up to a `version`, which this write is not above: made anew, it is."""

    outcome = "owner_erased"

    def __init__(self, version: int) -> None:
        super().__init__("the user was erased meanwhile: the same request can be made again")
        self.version = version


class Conflict(Rejected):
    """The id is taken by a memory with other content or metadata."""

    outcome = "conflict"

    def __init__(self, memory_id: str) -> None:
        super().__init__(f"memory {memory_id} holds something else")
        self.memory_id = memory_id


class VersionMismatch(Rejected):
    """The memory has another version than the caller expects, or there is none; `memory_id` or key in words."""

    outcome = "version_mismatch"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} has another version than the one expected, or is gone: read it again")


class KeyTaken(Rejected):
    """Another memory of this user has the key, which a memory was to be renamed to."""

    outcome = "key_taken"

    def __init__(self, key: str) -> None:
        super().__init__(f"there is a memory under the key {key!r} already")
        self.key = key


class CursorLost(Rejected):
    """The provider of the last page of a list does not answer, and another one's order may differ."""

    outcome = "cursor_lost"

    def __init__(self, provider: str) -> None:
        super().__init__(f"{provider} does not answer now; start the list again without the cursor")
        self.provider = provider


class FeedLost(Rejected):
    """The position in a feed is of another provider, or of another history of its store."""

    outcome = "feed_lost"

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}; begin the feed again without the cursor")


class SessionLost(Rejected):
    """The session was begun with another journal, or with a later state of this one than there is now."""

    outcome = "session_lost"

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}; drop the session: what it has written may be missing")


class AnswerTooLarge(Rejected):
    """The memories that answer a query are larger than an answer may be; `most_bytes` is the bound."""

    outcome = "too_large"

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"the answer is larger than {most_bytes} bytes: ask for fewer memories")
        self.most_bytes = most_bytes


class QuotaExceeded(Rejected):
    """The user, or its tenant (`by`), would hold more memories or bytes (`unit`) than the `quota`."""

    outcome = "quota_exceeded"

    def __init__(self, by: Literal["user", "tenant"], unit: Literal["memories", "bytes"], quota: int) -> None:
        super().__init__(f"this {by} may hold {quota} {unit}, and this would be more: delete some first")
        self.by: Literal["user", "tenant"] = by
        self.unit: Literal["memories", "bytes"] = unit
        self.quota = quota


class Unsupported(Rejected):
    """This provider cannot do what was requested, and does no part of it."""

    outcome = "unsupported"

    def __init__(self, what: str) -> None:
        super().__init__(f"the provider cannot {what}")
        self.what = what
