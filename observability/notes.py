"""The notes that one request gathers on its way, for the access line and the response headers."""

from contextvars import ContextVar

# The notes of the request that this task works for; providers note here which one answered, at any depth of calls.
current: ContextVar["Notes | None"] = ContextVar("ninai_notes", default=None)


class Notes:
    """Gather what a request asks for, which provider answered, and where the time went; never any content.

    From the request: `patience` is the seconds that the caller will wait, None if it did not say; `session` is the
    token that it sent.

    On the way: `caller` is the id of the key or `anonymous`; `provider_seconds` and `journal_seconds` are the
    time spent waiting for providers and for the journal; `outcomes` holds the last outcome of asking each of them.

    From the answer: `provider` is the name of the one that answered; `degraded` holds why the answer is degraded,
    one word for each reason; `eventual` says that acknowledged writes may be missing; `token` stands for what was
    written.
    """

    __slots__ = (
        "caller",
        "degraded",
        "eventual",
        "journal_seconds",
        "outcomes",
        "patience",
        "provider",
        "provider_seconds",
        "request_id",
        "session",
        "token",
    )

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.patience: float | None = None
        self.session: str | None = None
        self.caller: str | None = None
        self.provider: str | None = None
        self.provider_seconds = 0.0
        self.journal_seconds = 0.0
        self.degraded: list[str] = []
        self.outcomes: dict[str, str] = {}
        self.eventual = False
        self.token: str | None = None

    def answered(self, provider: str | None, degraded: list[str], *, eventual: bool) -> None:
        """Note what the answer says of itself."""
        self.provider, self.degraded, self.eventual = provider, degraded, eventual
