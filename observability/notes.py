"""What one request gathers about itself on its way: read by the access line and the response headers."""

from contextvars import ContextVar

# The notes of the request that this task works for; providers write here who answered, however deep they are called.
current: ContextVar["Notes | None"] = ContextVar("ninai_notes", default=None)


class Notes:
    """Who asked, who answered, and where the time went; never what was said.

    `caller` is the id of the key or `anonymous`; `provider` the name of the one that answered last; `provider_seconds`
    the time spent waiting for providers.
    """

    __slots__ = ("caller", "provider", "provider_seconds", "request_id")

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.caller: str | None = None
        self.provider: str | None = None
        self.provider_seconds = 0.0

    def answered(self, provider: str, seconds: float) -> None:
        """Take note of one call to a provider."""
        self.provider = provider
        self.provider_seconds += seconds
