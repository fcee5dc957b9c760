"""What a provider says of itself when it is asked whether it can serve."""

from msgspec import Struct


class Health(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether a provider can serve; each provider adds its own facts.

    `provider` is the class name; `error` is the reason in one line, `response_time_ms` is in milliseconds.
    """

    healthy: bool
    provider: str
    error: str | None = None
    response_time_ms: float | None = None

    @property
    def details(self) -> list[str]:
        """Return what is worth knowing of a healthy provider, in words."""
        return [] if self.response_time_ms is None else [f"answered in {self.response_time_ms:.1f} ms"]

    @property
    def begun(self) -> bool:
        """Whether its store is there; one that is not is made by the first question, and holds nothing until then."""
        return True
