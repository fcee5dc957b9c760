"""What rules of retention would erase, page by page: counts and the oldest memories, never a text."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from heapq import nsmallest

from msgspec import UNSET, Struct, UnsetType

from providers.chain.comparing.store import ComparedStore
from providers.chain.expiring.retaining import due_of
from providers.chain.expiring.rules import RetentionRule
from providers.owners import DEFAULT_TENANT, Owner
from providers.types import MemoryRecord

PAGE_SECONDS = 3.0  # after which a page ends; the owner that it is about is looked through first
MOST_SHOWN = 10  # memories of a rule


class DueMemory(Struct, frozen=True, kw_only=True):
    """A memory that a rule has made due; `tenant` is that of its user, absent for the default one."""

    memory_id: str
    user_id: str
    created_at: datetime
    tenant: str | UnsetType = UNSET


class RulePlan(Struct, frozen=True, kw_only=True):
    """What one rule would erase: how many memories, how many users they belong to, and the oldest of them."""

    name: str
    keep_days: int
    due: int = 0
    users: int = 0
    oldest: list[DueMemory] = []

    def with_more(self, records: Sequence[MemoryRecord]) -> "RulePlan":
        """Return the plan with what is due of one more user."""
        found = [*self.oldest, *map(_due, records[:MOST_SHOWN])]
        return RulePlan(
            name=self.name,
            keep_days=self.keep_days,
            due=self.due + len(records),
            users=self.users + 1,
            oldest=oldest_of(found),
        )


class RetentionPlan(Struct, frozen=True, kw_only=True):
    """A part of a plan, at a `moment` by the clock of the service; the next one comes `next_after`, null at the end.

    A memory that is due by several rules counts for each. Unless the rules `apply`, nothing is erased.
    """

    moment: datetime
    apply: bool
    rules: list[RulePlan]
    next_after: str | None


def oldest_of(found: Sequence[DueMemory]) -> list[DueMemory]:
    """Return the oldest of some memories, the oldest first."""
    return nsmallest(MOST_SHOWN, found, key=lambda one: (one.created_at, one.memory_id))


async def plan_rules(
    store: ComparedStore,
    rules: Sequence[RetentionRule],
    moment: datetime,
    after: Owner | None,
    now: Callable[[], float] = time.monotonic,
) -> tuple[list[RulePlan], Owner | None]:
    """Return what rules would erase of the owners behind one, for some seconds, and the last owner if there are others.

    Raises:
        Unavailable: the store does not answer.
    """
    plans = {rule.name: RulePlan(name=rule.name, keep_days=rule.keep_days) for rule in rules}
    ends = now() + PAGE_SECONDS
    if not rules:
        return [], None
    async for owner in store.owners(after):
        for rule in rules:
            due = [record async for records in due_of(store, rule, owner, moment) for record in records]
            if due:
                plans[rule.name] = plans[rule.name].with_more(due)
        if now() > ends:
            return list(plans.values()), owner
    return list(plans.values()), None


def _due(record: MemoryRecord) -> DueMemory:
    tenant = UNSET if record.tenant == DEFAULT_TENANT else record.tenant
    return DueMemory(memory_id=record.id, user_id=record.user_id, created_at=record.created_at, tenant=tenant)
