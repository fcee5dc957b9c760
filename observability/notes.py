"""The notes that one request gathers on its way, for the access line and the response headers."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar

from msgspec import Struct

# The notes of the request that this task works for; providers note here which one answered, at any depth of calls.
current: ContextVar["Notes | None"] = ContextVar("ninai_notes", default=None)


class Notes(Struct, eq=False):
    """Gather what a request asks for, which provider answered, and where the time went; never any content.

    From the request: `patience` is the seconds that the caller will wait, None if it did not say; `wait` is the
    seconds that it will wait for the confirmation of a write; `session` is the token that it sent.

    On the way: `caller` is the id of the key or `anonymous`; `provider_seconds` and `journal_seconds` are the
    time spent waiting for providers and for the journal; `outcomes` holds the last outcome of asking each of them;
    `shed` is why the request was refused before anything was done; `refused` is why its caller was; `failure` is why
    nothing could answer it.

    From admission: `parallelism` is the share of the calls that the request could make at once which it is to make, so
    that it does not slow down others. `parked` returns a context for all waiting that is no work, in which the request
    takes no room from others.

    From the answer: `provider` is the name of the one that answered; `degraded` holds why the answer is degraded,
    one word for each reason; `eventual` says that acknowledged writes may be missing; `token` stands for what was
    written.
    """

    request_id: str
    patience: float | None = None
    wait: float | None = None
    session: str | None = None
    caller: str | None = None
    provider: str | None = None
    provider_seconds: float = 0.0
    journal_seconds: float = 0.0
    degraded: list[str] = []
    outcomes: dict[str, str] = {}
    eventual: bool = False
    token: str | None = None
    shed: str | None = None
    parallelism: float = 1.0
    parked: Callable[[], AbstractContextManager[None]] = nullcontext
    refused: str | None = None
    failure: str | None = None

    def answered(self, provider: str | None, degraded: list[str], *, eventual: bool) -> None:
        """Note what the answer says of itself."""
        self.provider, self.degraded, self.eventual = provider, degraded, eventual


def parked() -> AbstractContextManager[None]:
    """Return a context in which the request of this task, if there is one, takes no room from others."""
    request = current.get()
    return nullcontext() if request is None else request.parked()
