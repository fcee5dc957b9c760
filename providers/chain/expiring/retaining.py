"""What rules of retention have made due at a store, owner by owner; nothing is changed here."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

from providers.chain.comparing.store import PAGE, ComparedStore
from providers.chain.expiring.rules import RetentionRule
from providers.owners import Owner
from providers.types import MemoryRecord


async def due_in(
    store: ComparedStore, rules: Sequence[RetentionRule], moment: datetime
) -> AsyncGenerator[tuple[RetentionRule, list[MemoryRecord]], None]:
    """Yield pages of memories that are due, each with the rule that has made it so; none of them is empty.

    Raises:
        Unavailable: the store does not answer.
    """
    async for owner in store.owners():
        for rule in rules:
            async for records in due_of(store, rule, owner, moment):
                yield rule, records


async def due_of(
    store: ComparedStore, rule: RetentionRule, owner: Owner, moment: datetime
) -> AsyncGenerator[list[MemoryRecord], None]:
    """Yield pages of an owner's memories that a rule has made due, the oldest first, but for what has expired.

    The oldest one alone is read first: mostly nothing is due.
    """
    if not rule.concerns(owner):
        return
    after: MemoryRecord | None = None
    limit = 1
    while True:
        records = await store.listed(rule.page(owner, limit, after))
        due = [record for record in records if rule.is_due(record, moment)]
        if due:
            yield due
        if len(due) < limit:
            return
        after, limit = due[-1], PAGE
