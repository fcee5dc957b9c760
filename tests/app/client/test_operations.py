"""Every operation of the client, against the application."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Unpack

import pytest
from litestar import Litestar
from msgspec import UNSET

import ninaivalaigal as package
from ninaivalaigal import AsyncClient, Refused, Retries
from ninaivalaigal.options import ListOptions
from tests.support.api import ABSENT_ID, BASE_URL, asgi_client, fresh_user

TEA, DOG = "I drink green tea", "The dog barks"
AT = datetime(2024, 5, 1, 10, tzinfo=UTC)
LATE = datetime(2999, 12, 31, tzinfo=UTC)


async def contents(client: AsyncClient, **wanted: Unpack[ListOptions]) -> list[str]:
    """The contents of a list."""
    return [memory.content async for memory in client.memories(**wanted)]


async def test_a_memory_is_stored_found_changed_and_deleted(client: AsyncClient, user: str) -> None:
    """One memory, from its beginning to its end; every answer says who gave it."""
    stored = await client.remember(TEA, metadata={"topic": "tea"}, created_at=AT, session="s")
    found = await client.recall("tea", limit=3, min_score=0.01, where={"topic": "tea"}, session="s", created_from=AT)
    changed = await client.update(stored.memory_id, content=DOG, metadata=None)
    shown = await client.get(stored.memory_id)
    deleted = await client.delete(stored.memory_id)

    [memory] = found.memories
    assert (stored.status, stored.accepted, stored.degraded, stored.facts and stored.facts.provider) == (
        "stored",
        False,
        (),
        "mock",
    )
    assert (memory.id, memory.user_id, memory.metadata, memory.created_at) == (
        stored.memory_id,
        user,
        {"topic": "tea"},
        AT,
    )
    assert memory.similarity_score is not None
    assert (shown.content, shown.metadata, shown.session, shown.changed_at) == (DOG, None, "s", changed.updated_at)
    assert deleted.memory_id == stored.memory_id
    with pytest.raises(package.NotFound):
        await client.get(stored.memory_id)


async def test_a_version_is_found_and_brought_back(client: AsyncClient) -> None:
    """Page by page, and as a change like any other."""
    memory_id = (await client.remember(TEA, metadata={"topic": "tea"})).memory_id
    await client.update(memory_id, content=DOG)
    newest = await client.history(memory_id, limit=1)
    older = await client.history(memory_id, before=newest.next)
    restored = await client.restore(memory_id, older.versions[0].version)

    assert [(one.memory.content, one.current) for one in newest.versions] == [(DOG, True)]
    assert [(one.memory.content, one.current) for one in older.versions] == [(TEA, False)]
    assert older.next is None
    assert (restored.content, restored.metadata) == (TEA, {"topic": "tea"})
    assert len((await client.history(memory_id)).versions) == 3


async def test_a_memory_stands_under_a_key(client: AsyncClient) -> None:
    """It is put, replaced, renamed, listed, got and deleted, whatever its key looks like."""
    first = await client.put_by_key("plans/../🍵", TEA, metadata={"topic": "tea"}, expires_at=LATE, session="s")
    second = await client.put_by_key("plans/../🍵", DOG, agent="a", ttl_seconds=3_600)
    renamed = await client.rename_keys("plans/", "notes/", prefix=True)
    listed = await client.list_keys("notes/", 1)
    shown = await client.get_by_key("notes/../🍵")
    deleted = await client.delete_by_key("notes/../🍵")

    assert (first.created, second.created, second.memory_id, renamed.renamed) == (True, False, first.memory_id, 1)
    assert ([(one.prefix, one.count) for one in listed.folders], listed.keys) == ([("notes/../", 1)], [])
    assert (shown.key, shown.content, shown.metadata, shown.session, shown.agent) == (
        "notes/../🍵",
        DOG,
        None,
        None,
        "a",
    )
    assert shown.expires_at is not None
    assert shown.expires_at < LATE
    assert deleted.memory_id == first.memory_id
    with pytest.raises(package.NotFound):
        await client.get_by_key("notes/../🍵")


async def test_an_expiry_is_given_and_taken_away(client: AsyncClient) -> None:
    """By a moment or in seconds, in a batch as well."""
    one = await client.remember(TEA, expires_at=LATE)
    [other] = (await client.remember_batch([{"content": DOG, "ttl_seconds": 3_600, "key": "dog"}])).results
    assert other.created is True
    taken = await client.update(one.memory_id, expires_at=None)

    assert taken.expires_at is None
    assert (await client.update(one.memory_id, ttl_seconds=60)).expires_at is not None
    assert (await client.update(one.memory_id, ttl_seconds=60, sliding=True)).sliding_seconds == 60
    assert (await client.get(other.memory_id or "")).expires_at is not None


async def test_batches_have_a_result_for_each_item(client: AsyncClient) -> None:
    """Each fails alone, with a problem."""
    stored = await client.remember_batch([{"content": TEA}, {"content": ""}, {"content": DOG, "agent": "a"}])
    ids = [result.memory_id or "" for result in stored.results]
    found = await client.recall_batch([{"query": "tea", "limit": 1}, {"query": ""}])
    changed = await client.update_batch([{"memory_id": ids[0], "agent": "b"}, {"memory_id": ABSENT_ID}])
    deleted = await client.delete_batch([ids[2], ABSENT_ID])

    assert ([result.status for result in stored.results], stored.failed) == (["stored", "failed", "stored"], 1)
    assert [problem.status for problem in stored.problems] == [422]
    assert [[one.content for one in result.memories or ()] for result in found.results] == [[TEA], []]
    assert (changed.results[0].memory and changed.results[0].memory.agent, changed.problems[0].status) == ("b", 404)
    assert [result.status for result in deleted.results] == ["deleted", "failed"]


async def test_messages_are_memories_in_their_order(client: AsyncClient) -> None:
    """Each has its speaker; a text of what was found is ready for a prompt."""
    answer = await client.remember_messages(
        [{"role": "user", "name": "Ann", "content": TEA}, {"role": "assistant", "content": DOG}], session="s"
    )
    told = await client.recall("tea", format="text", max_characters=1_000)

    assert (len(answer.results), answer.failed) == (2, 0)
    assert [(one.speaker, one.content) async for one in client.memories(order="oldest", session="s")] == [
        ("Ann", TEA),
        ("assistant", DOG),
    ]
    assert TEA in (told.text or "")


async def test_pages_follow_each_other_to_the_end(client: AsyncClient) -> None:
    """Whatever their size is, where they begin, and what they are to meet."""
    await client.remember_batch([{"content": f"m {n}", "metadata": {"n": n}} for n in range(7)])
    condition = {"op": "gte", "field": "n", "value": 2}

    pages = [page.count async for page in client.pages(limit=3, where=condition, total=True)]
    listed = await client.list_memories(limit=2, where=condition, total=True, order="oldest", created_from=AT)

    assert pages == [3, 2]
    assert await contents(client, limit=2, offset=1, where=condition, order="oldest") == ["m 3", "m 4", "m 5", "m 6"]
    assert ([one.content for one in listed.memories], listed.total) == (["m 2", "m 3"], 5)
    assert listed.next_cursor is not None


async def test_conditions_choose_what_is_deleted(client: AsyncClient) -> None:
    """They may be tried out before; without any, everything has to be meant."""
    await client.remember_batch([{"content": f"m {n}", "metadata": {"n": n}, "app": "x"} for n in range(3)])

    counted = await client.count_matching(where={"n": 1})
    deleted = await client.delete_matching(where={"n": 1}, app="x")
    with pytest.raises(package.InvalidRequest, match="confirm"):
        await client.delete_matching()
    left = await contents(client, order="oldest")
    everything = await client.delete_everything()

    assert (counted.matching, deleted.deleted, deleted.more) == (1, 1, False)
    assert left == ["m 0", "m 2"]
    assert everything.deleted == 2


async def test_a_call_may_name_another_user(client: AsyncClient) -> None:
    """Instead of the one of the client."""
    other = fresh_user()

    await client.remember(TEA, user=other)

    assert await contents(client) == []
    assert await contents(client, user=other) == [TEA]


async def test_a_key_of_the_callers_own_makes_one_memory(client: AsyncClient) -> None:
    """Two calls without any make two."""
    ids = [(await client.remember(TEA, idempotency_key="k", wait=1, timeout=9.5)).memory_id for _ in range(2)]
    await client.remember(TEA)

    assert ids[0] == ids[1]
    assert len(await contents(client)) == 2
    with pytest.raises(package.Conflicting):
        await client.remember(DOG, idempotency_key="k")
    await client.delete(ids[0])
    with pytest.raises(package.Gone):
        await client.remember(TEA, idempotency_key="k")


async def test_health_tells_who_serves(client: AsyncClient) -> None:
    """In one line."""
    health = await client.health()

    assert (health.healthy, health.provider, health.error) == (True, "MockMemoryProvider", None)


@pytest.mark.parametrize(
    ("call", "error", "field"),
    [
        (lambda client: client.recall("tea", limit=0), package.InvalidRequest, "limit"),
        (lambda client: client.get("../health"), package.NotFound, None),
        (lambda client: client.get(".."), package.InvalidRequest, "memory_id"),
        (lambda client: client.delete(ABSENT_ID), package.NotFound, None),
        (lambda client: client.query_memories(cursor="none"), package.InvalidRequest, "cursor"),
        (lambda client: client.recall("tea", memory_session="none"), package.InvalidRequest, "Memory-Session"),
        (lambda client: client.remember(TEA, unknown=1), package.InvalidRequest, "unknown"),
        (lambda client: client.remember("\ud800"), package.NotSendable, None),
        (lambda client: client.remember(TEA, metadata={"a": object()}), package.NotSendable, None),
    ],
)
async def test_a_problem_is_an_error_with_its_facts(
    client: AsyncClient,
    call: Callable[[AsyncClient], Awaitable[object]],
    error: type[package.ClientError],
    field: str | None,
) -> None:
    """Its kind is a class, and the fields are named."""
    with pytest.raises(error) as raised:
        await call(client)

    if isinstance(raised.value, Refused):
        assert str(raised.value.problem.request_id) in str(raised.value)
        assert [one.field for one in raised.value.errors] == ([field] if field else [])


async def test_a_key_is_sent_and_never_shown(guarded_app: Litestar, free_key: str) -> None:
    """Without it nothing is answered."""
    async with asgi_client(guarded_app) as http:
        client = AsyncClient(BASE_URL + "/", key=free_key, user="priya", http=http, retries=Retries(attempts=1))
        stored = await client.remember(TEA)
        with pytest.raises(package.NotAuthenticated):
            await AsyncClient(BASE_URL, http=http).get(stored.memory_id)

    assert free_key not in repr(client)
    assert repr(client) == f"AsyncClient({BASE_URL!r}, user='priya')"


async def test_changes_are_told_and_followed(client: AsyncClient) -> None:
    """Page by page behind a cursor, and for ever as they happen."""
    begun = await client.changes(after="now")
    kept, gone = (await client.remember(TEA)).memory_id, (await client.remember(DOG)).memory_id
    await client.delete(gone)
    first = await client.changes(after=begun.next, limit=1)
    told = [one async for one in _once(client.follow(begun.next))]

    assert (begun.changes, begun.more, first.more, len(first.changes)) == ([], False, True, 1)
    assert [(one.change, one.memory_id, one.memory and one.memory.content) for one in told[0].changes] == [
        ("put", kept, TEA),
        ("deleted", gone, None),
    ]
    with pytest.raises(package.InvalidRequest):
        await client.changes(after="nonsense")


async def _once(feed: AsyncIterator[package.ChangedMemories]) -> AsyncIterator[package.ChangedMemories]:
    """Yield the first of what is told for ever."""
    yield await anext(feed)


async def test_a_write_over_another_version_is_refused(client: AsyncClient) -> None:
    """With the tag of what was read; the newest one is taken."""
    memory_id = (await client.remember(TEA)).memory_id
    read = (await client.get(memory_id)).facts
    assert read is not UNSET
    assert read.etag is not None
    changed = (await client.update(memory_id, content=DOG, if_match=read.etag)).facts
    with pytest.raises(package.OtherVersion):
        await client.update(memory_id, content=TEA, if_match=read.etag)
    with pytest.raises(package.OtherVersion):
        await client.delete(memory_id, if_match=read.etag)

    assert changed is not UNSET
    assert (await client.get(memory_id)).content == DOG
    assert (await client.delete(memory_id, if_match=changed.etag)).memory_id == memory_id
