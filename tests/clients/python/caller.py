"""Store, recall, list, change and delete a memory, with the client that is generated from the OpenAPI document."""

import sys
from uuid import UUID

from ninaivalaigal_client import Client
from ninaivalaigal_client.api.batch import remember_batch
from ninaivalaigal_client.api.memory import delete_memory, get_memory, list_memories, recall, remember, update_memory
from ninaivalaigal_client.models import (
    BatchedMemory,
    DeleteResponse,
    Eq,
    ListResponse,
    MemoryRecord,
    Problem,
    RecallResponse,
    RememberBatchRequest,
    RememberBatchResponse,
    RememberOneRequest,
    RememberResponse,
    SingleRecallRequest,
    UpdateRequest,
)


def call(url: str, user: str) -> None:
    """Call one operation after another; the types of what comes back are checked by mypy and at run time."""
    client = Client(base_url=url)
    memory = RememberOneRequest(content="Masala tea, no sugar", user_id=user)
    stored = remember.sync(client=client, body=memory, idempotency_key="caller-2", x_request_timeout_ms=20_000)
    assert isinstance(stored, RememberResponse), stored
    memory_id: UUID = stored.memory_id  # as the operations on one memory take it

    # A condition need not repeat what it is, and what has a default may be left out.
    nothing = Eq(field="topic", value="coffee")
    assert nothing.op == "eq"
    for where, ids in ((None, [memory_id]), (nothing, [])):
        question = SingleRecallRequest(query="how do I take my tea?", user_id=user, where=where)
        found = recall.sync(client=client, body=question)
        assert isinstance(found, RecallResponse), found
        assert [one.id for one in found.memories] == ids
        assert found.count == len(ids)

    page = list_memories.sync(client=client, user_id=user, limit=10)
    assert isinstance(page, ListResponse), page
    next_cursor: str | None = page.next_cursor
    assert (page.count, next_cursor) == (1, None)

    several = RememberBatchRequest(memories=[BatchedMemory(content="Green tea")], user_id=user)
    batch = remember_batch.sync(client=client, body=several)
    assert isinstance(batch, RememberBatchResponse), batch
    assert batch.stored == 1

    body = UpdateRequest(content="Masala tea, one sugar")
    changed = update_memory.sync(memory_id, client=client, body=body, user_id=user)
    assert isinstance(changed, MemoryRecord), changed
    assert changed.content == "Masala tea, one sugar"

    deleted = delete_memory.sync(memory_id, client=client, user_id=user)
    assert isinstance(deleted, DeleteResponse), deleted

    missing = get_memory.sync_detailed(memory_id, client=client, user_id=user)
    assert isinstance(missing.parsed, Problem), missing
    assert missing.parsed.status == missing.status_code == 404


if __name__ == "__main__":
    url, user = sys.argv[1:]
    call(url, user)
    sys.stdout.write(f"called as {user}\n")
