"""Rules of retention: which memories are to be kept for how long."""

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from providers.labels import MAX_LABEL_CHARS
from providers.limits import MAX_TENANT_CHARS
from providers.owners import Owner
from providers.source import Origin
from providers.types import MemoryRecord, PageQuery

MAX_KEEP_DAYS = 36_500
MAX_RULES = 100

RuleName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*\Z",
        max_length=60,
        description="a name of lower-case letters, digits, hyphens and underscores",
    ),
]
_Label = Annotated[str, Meta(min_length=1, max_length=MAX_LABEL_CHARS)]


class RetentionRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keep memories for `keep_days` after their creation: those of a `tenant`, an `origin`, and with all labels.

    What is not given is not asked for; a rule without any condition concerns every memory.
    """

    name: RuleName
    keep_days: Annotated[int, Meta(ge=1, le=MAX_KEEP_DAYS)]
    tenant: Annotated[str, Meta(min_length=1, max_length=MAX_TENANT_CHARS)] | None = None
    session: _Label | None = None
    agent: _Label | None = None
    app: _Label | None = None
    origin: Origin | None = None

    def concerns(self, owner: Owner) -> bool:
        """Return whether the rule is about memories of an owner."""
        return self.tenant is None or self.tenant == owner.tenant

    def until(self, moment: datetime) -> datetime:
        """Return the moment before which a memory must have been created to be due at another one."""
        return moment - timedelta(days=self.keep_days)

    def is_due(self, record: MemoryRecord, moment: datetime) -> bool:
        """Return whether a memory that the rule is about has been kept for long enough."""
        return record.created_at < self.until(moment)

    def page(self, owner: Owner, limit: int, after: MemoryRecord | None) -> PageQuery:
        """Return a page of an owner's memories that the rule is about, the oldest first."""
        position = None if after is None else after.position
        return PageQuery(
            owner=owner,
            limit=limit,
            order="oldest",
            after=position,
            session=self.session,
            agent=self.agent,
            app=self.app,
            origin=self.origin,
        )
