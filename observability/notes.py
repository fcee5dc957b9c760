"""What one request gathers about itself on its way: read by the access line and the response headers."""

from contextvars import ContextVar

# The notes of the request that this task works for; providers write here who answered, however deep they are called.
current: ContextVar["Notes | None"] = ContextVar("ninai_notes", default=None)


PARTIAL = "partial"  # as a reason: a list lacks memories that the provider cannot list
NO_VECTOR = "no_vector"  # as a reason: an embedder gave none for the question, which was answered by its words


class Notes:
    """What a request asks for, who answered, and where the time went; never what was said.

    Asked for: `patience` is seconds the caller will wait, None if it did not say; `session` the token it sent;
    `page_of` the provider whose list it goes on with.

    Found on the way: `caller` is the id of the key or `anonymous`; `provider` the name of the one that answered last;
    `provider_seconds` and `journal_seconds` the time spent waiting for providers and for the journal; `outcomes` what
    became of asking each of them, the last time. `accepted` tells that a write is durable, but not yet where reads look
    first; `degraded` why the answer is less than it could be, one word for each reason; `eventual` that acknowledged
    writes may be missing; `token` stands for what was written.
    """

    __slots__ = (
        "accepted",
        "caller",
        "degraded",
        "eventual",
        "journal_seconds",
        "outcomes",
        "page_of",
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
        self.page_of: str | None = None
        self.caller: str | None = None
        self.provider: str | None = None
        self.provider_seconds = 0.0
        self.journal_seconds = 0.0
        self.accepted = False
        self.degraded: list[str] = []
        self.outcomes: dict[str, str] = {}
        self.eventual = False
        self.token: str | None = None

    def degrade(self, reason: str) -> None:
        """Take note of why the answer is less than it could be."""
        if reason not in self.degraded:
            self.degraded.append(reason)
