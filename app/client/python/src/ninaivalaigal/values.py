"""The answers of the service, as frozen values."""

from datetime import datetime
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from ninaivalaigal.explanations import Considered, HitExplanation

_ACCEPTED = 202


class Facts(Struct, frozen=True, kw_only=True):
    """What an answer says of itself in its status and its headers.

    `provider` is the one that answered, `consistency` is `strong` or `eventual`, and `degraded` tells why the answer is
    less than it could be. `memory_session` is the position after a write: a read that carries it has that write. `etag`
    names the version of the one memory in the answer, for `if_match`. `attempts` counts the requests that were made.
    """

    status: int
    provider: str | None = None
    consistency: str | None = None
    degraded: tuple[str, ...] = ()
    memory_session: str | None = None
    etag: str | None = None
    request_id: str | None = None
    attempts: int = 1


class Answer(Struct, frozen=True, kw_only=True):
    """The base of all answers; `facts` is unset for what is only a part of one."""

    facts: Facts | UnsetType = UNSET

    @property
    def accepted(self) -> bool:
        """Whether a write is durable and will be found, but not confirmed by the first provider yet (202)."""
        return self.facts is not UNSET and self.facts.status == _ACCEPTED

    @property
    def degraded(self) -> tuple[str, ...]:
        """The reasons why the answer is less than it could be."""
        return () if self.facts is UNSET else self.facts.degraded


class FieldFault(Struct, frozen=True):
    """One field of a request that breaks a rule, and the rule."""

    field: str
    detail: str


class ProblemDetails(Struct, frozen=True, kw_only=True):
    """What went wrong (RFC 9457); `type` never changes, unlike the words."""

    type: str = "about:blank"
    title: str = ""
    status: int = 0
    detail: str = ""
    request_id: str | None = None
    errors: tuple[FieldFault, ...] = ()


class Source(Struct, frozen=True, kw_only=True):
    """What the newest text of a memory comes from, who wrote it, with which key and when; None where nobody knows."""

    origin: str = "user"
    caller: str | None = None
    key: str | None = None
    at: datetime | None = None


class Memory(Answer, frozen=True, kw_only=True):
    """One memory; `similarity_score` lies in [0, 1] and is set by recall alone, as is `explanation`, if asked for."""

    id: str
    user_id: str
    content: str
    metadata: dict[str, Any] | None = None
    created_at: datetime
    updated_at: datetime | None = None
    expires_at: datetime | None = None
    sliding_seconds: int | None = None
    key: str | None = None
    session: str | None = None
    agent: str | None = None
    app: str | None = None
    speaker: str | None = None
    source: Source | None = None
    similarity_score: float | None = None
    explanation: HitExplanation | None = None
    tenant: str | None = None

    @property
    def changed_at(self) -> datetime:
        """The moment of the last change, or of the creation."""
        return self.updated_at or self.created_at


class MemoryVersion(Struct, frozen=True, kw_only=True):
    """A memory as it was from one change to the next; the `current` one is what readers see."""

    version: str
    current: bool
    memory: Memory


class History(Answer, frozen=True, kw_only=True):
    """The versions of a memory, newest first; `next` leads to older ones, None if there are none."""

    versions: list[MemoryVersion]
    next: str | None = None


class Remembered(Answer, frozen=True, kw_only=True):
    """The memory is durable and will be found; `exists` says that one like it was there, and which, and how much so."""

    memory_id: str
    status: Literal["stored", "accepted", "exists"]
    similarity_score: float | None = None


class Kept(Answer, frozen=True, kw_only=True):
    """The key names this memory from now on, a new one if it was `created`."""

    key: str
    memory_id: str
    created: bool
    status: Literal["stored", "accepted"]


class Renamed(Answer, frozen=True, kw_only=True):
    """So many memories have new keys."""

    renamed: int
    status: Literal["renamed", "accepted"]


class ListedKey(Struct, frozen=True):
    """A key, the memory that it names, and the bytes of its content in UTF-8."""

    key: str
    memory_id: str
    size: int = 0


class KeyFolder(Struct, frozen=True):
    """The beginning of so many keys that have more parts than are listed, and the bytes of all their contents."""

    prefix: str
    count: int
    size: int = 0


class KeyList(Answer, frozen=True, kw_only=True):
    """The keys in the order of their code points, and the folders of those with more parts."""

    keys: list[ListedKey]
    folders: list[KeyFolder]
    count: int


class BatchResult(Struct, frozen=True, kw_only=True):
    """The result for one item of a batch; a failed one has a problem.

    `memories`, `count` and `text` are those of a query, `memory` is a changed one. Of a memory with a key, `created`
    tells whether it is new.
    """

    status: str
    memory_id: str | None = None
    created: bool | None = None
    memory: Memory | None = None
    memories: list[Memory] | None = None
    count: int | None = None
    text: str | None = None
    considered: Considered | None = None
    problem: ProblemDetails | None = None


class Batch(Answer, frozen=True, kw_only=True):
    """The result for each item, in the order they were sent, and how many failed."""

    results: list[BatchResult]
    failed: int

    @property
    def problems(self) -> list[ProblemDetails]:
        """The problems of the items that failed."""
        return [result.problem for result in self.results if result.problem is not None]


class MemoryChange(Struct, frozen=True, kw_only=True):
    """One memory as it is now: put for the first time, changed since, or, without it, deleted or expired."""

    change: Literal["put", "changed", "deleted", "expired"]
    memory_id: str
    memory: Memory | None = None


class ChangedMemories(Answer, frozen=True, kw_only=True):
    """What changed, the oldest change first; `next` leads behind it, and with `more` others follow at once."""

    changes: list[MemoryChange]
    next: str
    more: bool


class Recalled(Answer, frozen=True, kw_only=True):
    """The memories found, best first; `text` tells them line by line, if `format="text"` asked for it.

    `considered` tells what was looked at, if `explain` asked for it.
    """

    memories: list[Memory]
    count: int
    text: str | None = None
    considered: Considered | None = None


class Page(Answer, frozen=True, kw_only=True):
    """One page of memories; `next_cursor` is None on the last one; `total` counts all if it was asked for."""

    memories: list[Memory]
    count: int
    next_cursor: str | None = None
    total: int | None = None


class Deleted(Answer, frozen=True, kw_only=True):
    """The memory is gone for good."""

    memory_id: str


class DeletedMany(Answer, frozen=True, kw_only=True):
    """So many memories are gone for good; with `more` there are others, and the request must be repeated."""

    deleted: int
    more: bool


class Matching(Answer, frozen=True, kw_only=True):
    """So many memories meet the conditions; none was deleted."""

    matching: int


class ServiceHealth(Answer, frozen=True, kw_only=True):
    """Whether the provider that would answer can serve; `error` is the reason why not."""

    healthy: bool
    provider: str
    error: str | None = None
    response_time_ms: float | None = None
