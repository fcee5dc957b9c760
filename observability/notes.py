"""The notes that one request gathers on its way, for the access line and the response headers."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from time import perf_counter
from types import TracebackType

from msgspec import Struct

# The notes of the request that this task works for; providers note here which one answered, at any depth of calls.
current: ContextVar["Notes | None"] = ContextVar("ninai_notes", default=None)


class Deed(Struct, frozen=True):
    """Name one operation on memories, how it ended, and how many memories it has shown or changed."""

    operation: str
    outcome: str
    count: int


class Rate(Struct, frozen=True):
    """Tell how much is left of a `quota` in a `window`: `left` now, and all of it after `reset`, both in seconds."""

    quota: int
    window: int
    left: int
    reset: int


class Notes(Struct, eq=False):
    """Gather what a request asks for, which provider answered, and where the time went; never any content.

    From the request: `patience` is the seconds that the caller will wait, None if it did not say; `wait` is the
    seconds that it will wait for the confirmation of a write; `session` is the token that it sent.

    On the way: `caller` is the id of the key or `anonymous`, `key` that of the key alone, if one was shown;
    `provider_seconds` and `journal_seconds` are the time spent waiting for providers and for the journal; `parts` holds
    the seconds of what a provider did in this process, by name; `outcomes` holds the last outcome of asking each of
    them; `shed` is why the request was refused before anything was done; `refused` is why its caller was, or why
    nothing was done for it; `failure` is why nothing could answer it.

    From admission: `parallelism` is the share of the calls that the request could make at once which it is to make, so
    that it does not slow down others. `parked` returns a context for all waiting that is no work, in which the request
    takes no room from others.

    For those who ask later what was done: `owners` are tenant and user of everybody whose memories were asked for;
    `deeds` are the operations, and `memories` the ids of what they have shown or changed, both None where nobody asks.

    For limits: `counted` tells whether the request was counted for its users, and `rates` what is left, by policy.

    From the answer: `provider` is the name of the one that answered; `degraded` holds why the answer is degraded,
    one word for each reason; `eventual` says that acknowledged writes may be missing; `token` stands for what was
    written.
    """

    request_id: str
    patience: float | None = None
    wait: float | None = None
    session: str | None = None
    caller: str | None = None
    key: str | None = None
    provider: str | None = None
    provider_seconds: float = 0.0
    journal_seconds: float = 0.0
    parts: dict[str, float] = {}
    degraded: list[str] = []
    outcomes: dict[str, str] = {}
    eventual: bool = False
    token: str | None = None
    shed: str | None = None
    parallelism: float = 1.0
    parked: Callable[[], AbstractContextManager[None]] = nullcontext
    refused: str | None = None
    owners: list[tuple[str, str]] = []
    deeds: list[Deed] | None = None
    memories: list[str] | None = None
    counted: bool = False
    rates: dict[str, Rate] = {}
    failure: str | None = None

    def answered(self, provider: str | None, degraded: list[str], *, eventual: bool) -> None:
        """Note what the answer says of itself."""
        self.provider, self.degraded, self.eventual = provider, degraded, eventual

    def asks_for(self, tenant: str, user: str) -> None:
        """Note whose memories are asked for; the last of the owners is whoever was asked for last."""
        owner = (tenant, user)
        if owner in self.owners:
            self.owners.remove(owner)
        self.owners.append(owner)

    def concerns(self, memory_id: str) -> None:
        """Note the id of a memory, where somebody asks later."""
        if self.memories is not None:
            self.memories.append(memory_id)


def timed(part: str, out_of: str | None = None) -> AbstractContextManager[None]:
    """Add the seconds within to a part of the request of this task, if there is one; take them `out_of` another part.

    That is of one that is being timed around this one.
    """
    return _Timed(part, out_of)


class _Timed(AbstractContextManager[None]):
    """The context of `timed`; no generator, because every question has several."""

    __slots__ = ("_out_of", "_part", "_request", "_started")

    def __init__(self, part: str, out_of: str | None) -> None:
        self._part, self._out_of = part, out_of

    def __enter__(self) -> None:
        self._request = current.get()
        self._started = perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        request = self._request
        if request is None:
            return
        seconds = perf_counter() - self._started
        request.parts[self._part] = request.parts.get(self._part, 0.0) + seconds
        if self._out_of is not None:
            request.parts[self._out_of] = request.parts.get(self._out_of, 0.0) - seconds


def parked() -> AbstractContextManager[None]:
    """Return a context in which the request of this task, if there is one, takes no room from others."""
    request = current.get()
    return nullcontext() if request is None else request.parked()
