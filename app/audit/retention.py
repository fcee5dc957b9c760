"""The audit of what rules of retention erase."""

import time
from collections.abc import Sequence
from uuid import uuid4

from app.audit.audit import Audit
from app.audit.requests import Ended
from observability.notes import Deed, Notes
from providers.chain.observer import Unobserved
from providers.types import MemoryRecord

RULE = "rule:"  # begins the caller of what a rule did, before the name of the rule
_ROUTE, _METHOD, _DONE = "retention", "SWEEP", 200


class RetentionAudit(Unobserved):
    """Write down what rules erase, as if each were a caller."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def retained(self, provider: str, rule: str, memories: Sequence[MemoryRecord]) -> None:  # noqa: ARG002 - see `ChainObserver`
        """See `ChainObserver`."""
        notes = Notes(
            str(uuid4()),
            caller=f"{RULE}{rule}",
            owners=list(dict.fromkeys((memory.tenant, memory.user_id) for memory in memories)),
            deeds=[Deed("delete", "ok", len(memories))],
            memories=[memory.id for memory in memories],
        )
        self._audit.append(Ended(time.time(), notes, None, _METHOD, _ROUTE, _DONE))
