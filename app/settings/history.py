"""What can be configured of the history of memories."""

from typing import Annotated

from msgspec import Meta, Struct

from providers.retention import KEPT_DAYS, KEPT_VERSIONS, Retention

MAX_KEPT_VERSIONS = 1_000
MAX_KEPT_DAYS = 3_650


class HistorySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configure which superseded versions of a memory are kept: the last `keep` of those written within `days`.

    With `keep` at 0 none are, and those that were kept before are dropped.
    """

    keep: Annotated[int, Meta(ge=0, le=MAX_KEPT_VERSIONS)] = KEPT_VERSIONS
    """The superseded versions of a memory that are kept; 0 keeps none. Raise it to trace changes further back."""
    days: Annotated[int, Meta(ge=1, le=MAX_KEPT_DAYS)] = KEPT_DAYS
    """The days for which a superseded version is kept. Lower it where you have promised to forget sooner."""

    @property
    def retention(self) -> Retention:
        """The retention as stores know it."""
        return Retention(keep=self.keep, days=self.days)
