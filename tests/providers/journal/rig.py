"""Operations to append, and the questions that many tests ask of a journal."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from providers.errors import Rejected
from providers.host import Host
from providers.journal.base import Journal
from providers.journal.operations import Appended, Delivery, Done, JournalEntry, Operation, OperationKind, Settlement
from providers.owners import Owner
from providers.states.clock import HybridClock
from providers.states.digests import digest_of
from providers.types import Snapshot

USER = "kannan"
MOMENT = datetime(2026, 3, 1, 12, 30, 15, 123457, tzinfo=UTC)
LONG = 3_600.0  # seconds that no test lasts


def host_in(folder: Path) -> Host:
    """Return the host of a journal whose data is in this folder."""
    return Host(name="test", data_dir=folder, metrics=Metrics(CollectorRegistry()), clock=HybridClock())


def names_in(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())


def remember(memory_id: str | None = None, content: str = "tea", *, user: str = USER, version: int = 1) -> Operation:
    """Return the operation that stores a new memory."""
    return Operation(
        kind=OperationKind.REMEMBER,
        state=Snapshot(
            user_id=user,
            id=str(uuid4()) if memory_id is None else memory_id,
            version=version,
            content=content,
            created_at=MOMENT,
            digest=digest_of(content, None),
        ),
    )


def update(
    memory_id: str, content: str, *, base: int = 1, version: int = 2, first: str = "tea", user: str = USER
) -> Operation:
    """Return the operation that edits a memory; its digest is that of the first content."""
    return Operation(
        kind=OperationKind.UPDATE,
        state=Snapshot(
            user_id=user,
            id=memory_id,
            version=version,
            content=content,
            created_at=MOMENT,
            updated_at=MOMENT,
            digest=digest_of(first, None),
            edits=(str(uuid4()),),
        ),
        base_version=base,
    )


def delete(memory_id: str | None = None, *, version: int = 3, user: str = USER) -> Operation:
    """Return the operation that deletes a memory."""
    memory_id = str(uuid4()) if memory_id is None else memory_id
    return Operation(
        kind=OperationKind.DELETE, state=Snapshot(user_id=user, id=memory_id, version=version, content=None)
    )


def trace(memory_id: str | None = None, *, user: str = USER, edit: str = "") -> Operation:
    """Return the deletion of a memory that never existed."""
    operation = delete(memory_id, user=user)
    return replace(operation, trace=True, state=replace(operation.state, edits=(edit,) if edit else ()))


async def entries(journal: Journal) -> list[JournalEntry]:
    """Return the user's operations that `home` or `standby` has not confirmed, and the tombstones; newest first."""
    found = {
        entry.seq: entry for name in ("home", "standby") for entry in await journal.entries(Owner(USER), name, 100, 100)
    }
    return [found[seq] for seq in sorted(found, reverse=True)]


async def put(journal: Journal, operation: Operation) -> JournalEntry:
    """Append one operation, which is neither known nor rejected, and return its entry."""
    [answer] = await journal.append([operation])
    assert isinstance(answer, Appended)
    assert not answer.repeated
    return answer.entry


async def refusal(journal: Journal, operation: Operation) -> type[Rejected]:
    """Append one operation, which is rejected, and return the class of the error."""
    [answer] = await journal.append([operation])
    assert isinstance(answer, Rejected)
    return type(answer)


async def settle(journal: Journal, *settlements: Settlement) -> None:
    """Settle, and wait until every process sees it, which is after its process has written and read."""
    await journal.settle(settlements)
    await journal.claim("settled", "test", 0)
    await journal.status()


async def confirm(journal: Journal, entry: JournalEntry, *providers: str) -> None:
    """Confirm an operation for these providers, or for all that have not yet if none is named."""
    await settle(journal, *[Done(seq=entry.seq, provider=name) for name in providers or sorted(entry.pending)])


async def due(journal: Journal, provider: str) -> list[int]:
    """Return the operations that are due at a provider, and leave them due."""
    return [delivery.seq for delivery in await leased(journal, provider)]


async def leased(journal: Journal, provider: str, seconds: float = 0.0) -> list[Delivery]:
    """Lease all deliveries to a provider that are due."""
    return await journal.lease(provider, 100, seconds)
