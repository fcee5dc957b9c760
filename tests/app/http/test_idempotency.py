"""`Idempotency-Key`: what is sent twice happens once."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from app.auth.keys import hash_key, new_key
from tests.support.api import Api, asgi_client, field_in, fresh_user, problem_in, running_app


@pytest.fixture
def key() -> str:
    """A key nobody has used before."""
    return str(uuid4())


async def test_a_repeated_request_stores_once(either: Api, key: str) -> None:
    """The second answer is the first, to the letter."""
    first = await either.remember("tea", {"a": 1}, key=key)
    second = await either.remember("tea", {"a": 1}, key=key)

    assert (second.status_code, second.content) == (200, first.content)
    assert await either.contents() == ["tea"]


async def test_without_a_key_every_request_stores(either: Api) -> None:
    """Two equal memories are two."""
    await either.remember("tea")
    await either.remember("tea")

    assert await either.contents() == ["tea", "tea"]


async def test_requests_at_once_store_once(either: Api, key: str) -> None:
    """Ten requests under one key at the same time give one id and one memory."""
    answers = await asyncio.gather(*(either.remember("tea", key=key) for _ in range(10)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert await either.contents() == ["tea"]


@pytest.mark.parametrize(
    ("content", "metadata"), [("coffee", {"a": 1}), ("tea", {"a": 2}), ("tea", None), ("tea ", {"a": 1})]
)
async def test_a_key_stands_for_one_content(
    either: Api, key: str, content: str, metadata: dict[str, int] | None
) -> None:
    """The same key with something else is a conflict, and changes nothing."""
    await either.remember("tea", {"a": 1}, key=key)

    other = await either.remember(content, metadata, key=key)

    assert (other.status_code, problem_in(other)["type"]) == (409, "urn:ninai:problem:conflict")
    assert await either.contents() == ["tea"]


async def test_a_key_belongs_to_its_user(either: Api, key: str) -> None:
    """Two users with the same key and content have a memory each, with an id of its own."""
    stranger = either.stranger()

    mine, theirs = await either.remember("tea", key=key), await stranger.remember("coffee", key=key)

    assert (mine.status_code, theirs.status_code) == (200, 200)
    assert mine.json()["memory_id"] != theirs.json()["memory_id"]
    assert (await either.contents(), await stranger.contents()) == (["tea"], ["coffee"])


async def test_a_key_belongs_to_its_caller(key: str) -> None:
    """Two API keys that speak for one user do not share their idempotency keys."""
    first, second = new_key("one"), new_key("two")
    environ = {
        "MEMORY_PROVIDER": "mock",
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__KEYS__ONE__HASH": hash_key(first),
        "NINAI__AUTH__KEYS__TWO__HASH": hash_key(second),
    }
    user = fresh_user()
    async with running_app(environ) as app, asgi_client(app) as http:
        one, two = (Api(http, user, {"Authorization": f"Bearer {secret}"}) for secret in (first, second))

        answers = [await one.remember("tea", key=key), await two.remember("coffee", key=key)]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert await one.contents() == ["coffee", "tea"]


async def test_a_late_repeat_does_not_undo_an_edit(either: Api, key: str) -> None:
    """A remember that is repeated after the memory was edited gives the id and leaves the edit."""
    memory_id = (await either.remember("tea", key=key)).json()["memory_id"]
    await either.update(memory_id, content="coffee")

    again = await either.remember("tea", key=key)

    assert (again.status_code, again.json()) == (200, {"memory_id": memory_id, "status": "stored"})
    assert await either.contents() == ["coffee"]


async def test_a_repeated_change_changes_nothing(either: Api, key: str) -> None:
    """The change may be repeated under its key, whatever came after it; another change under this key is refused."""
    memory_id = await either.stored("tea")
    await either.update(memory_id, key=key, content="coffee", metadata={"a": 1})
    await either.update(memory_id, content="water")

    again = await either.update(memory_id, key=key, content="coffee", metadata={"a": 1.0})
    others = [
        await either.update(memory_id, key=key, **change)
        for change in ({"content": "milk", "metadata": {"a": 1}}, {"content": "coffee"}, {"metadata": None})
    ]

    assert (again.status_code, again.json()["content"]) == (200, "water")
    assert [(other.status_code, problem_in(other)["type"]) for other in others] == [
        (409, "urn:ninai:problem:conflict")
    ] * 3
    assert await either.contents() == ["water"]


async def test_a_late_repeat_does_not_undo_a_delete(either: Api, key: str) -> None:
    """A remember that is repeated after the memory was deleted is told so, and stores nothing."""
    memory_id = (await either.remember("tea", key=key)).json()["memory_id"]
    await either.delete(memory_id)

    again = await either.remember("tea", key=key)

    assert (again.status_code, problem_in(again)["type"]) == (410, "urn:ninai:problem:memory-deleted")
    assert await either.contents() == []


async def test_a_repeated_delete_gets_the_answer_that_was_lost(api: Api, key: str) -> None:
    """The delete that deleted may be repeated under its key; under another it finds nothing."""
    memory_id = await api.stored("tea")
    first = await api.delete(memory_id, key=key)

    second = await api.delete(memory_id, key=key)

    assert (second.status_code, second.content) == (200, first.content)
    assert (await api.delete(memory_id, key="another")).status_code == 404
    assert (await api.delete(memory_id)).status_code == 404


async def test_a_repeated_edit_does_not_undo_a_later_one(either: Api, key: str) -> None:
    """A change that is repeated after another one gives the memory as it is now."""
    memory_id = await either.stored("tea")
    await either.update(memory_id, content="coffee", key=key)
    await either.update(memory_id, content="water", key="another")

    again = await either.update(memory_id, content="coffee", key=key)

    assert (again.status_code, again.json()["content"]) == (200, "water")
    assert await either.contents() == ["water"]


async def test_one_key_serves_different_requests(either: Api, key: str) -> None:
    """A key used to store may be used to change and to delete: what it stands for is one request of each kind."""
    memory_id = (await either.remember("tea", key=key)).json()["memory_id"]

    changed = await either.update(memory_id, content="coffee", key=key)
    deleted = await either.delete(memory_id, key=key)

    assert (changed.status_code, changed.json()["content"], deleted.status_code) == (200, "coffee", 200)


async def test_one_key_edits_several_memories(either: Api, key: str) -> None:
    """An edit's key stands for the edit of one memory, and does not keep another from being edited."""
    one, two = await either.stored("one"), await either.stored("two")

    for memory_id in (one, two):
        assert (await either.update(memory_id, content="edited", key=key)).status_code == 200

    assert await either.contents() == ["edited", "edited"]


async def test_a_repeated_batch_stores_once(either: Api, key: str) -> None:
    """Every memory of a batch has an id of its own under the key, equal contents too."""
    first = await either.remember_batch("tea", "tea", "coffee", key=key)
    second = await either.remember_batch("tea", "tea", "coffee", key=key)

    assert (second.status_code, second.json()) == (200, first.json())
    assert len({result["memory_id"] for result in first.json()["results"]}) == 3
    assert sorted(await either.contents()) == ["coffee", "tea", "tea"]


async def test_a_repeated_batch_with_one_change_has_one_conflict(either: Api, key: str) -> None:
    """In a batch under a used key only what differs is refused."""
    await either.remember_batch("tea", "coffee", key=key)

    results = (await either.remember_batch("tea", "water", "milk", key=key)).json()["results"]

    assert [result["status"] for result in results] == ["stored", "failed", "stored"]
    assert results[1]["problem"]["type"] == "urn:ninai:problem:conflict"
    assert sorted(await either.contents()) == ["coffee", "milk", "tea"]


@pytest.mark.parametrize("given", ["!", "~", "a b", "x" * 255, '"quoted"', "\\"])
async def test_any_printable_key_will_do(mock_api: Api, given: str) -> None:
    """A key is 1 to 255 printable ASCII characters."""
    assert (await mock_api.remember("tea", key=given)).status_code == 200


async def test_two_keys_are_none(mock_api: Api) -> None:
    """A request under two keys is refused, since nobody could tell which one a repeat is under."""
    headers = [(b"X-User-ID", mock_api.user.encode()), (b"Idempotency-Key", b"a"), (b"Idempotency-Key", b"b")]

    response = await mock_api.http.post("/memory/remember", json={"content": "tea"}, headers=headers)

    assert (response.status_code, field_in(response)) == (422, "Idempotency-Key")
    assert await mock_api.contents() == []


@pytest.mark.parametrize("given", [b"", b"x" * 256, b"a\tb", b"a\x7fb", b"\x00", "ä".encode(), "ä".encode("latin-1")])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/memory/remember"),
        ("POST", "/memory/remember/batch"),
        ("PATCH", "/memory/memories/{id}"),
        ("DELETE", "/memory/memories/{id}"),
    ],
)
async def test_any_other_key_is_refused(mock_api: Api, method: str, path: str, given: bytes) -> None:
    """A key that is empty, too long or not printable ASCII is an error, and nothing is written."""
    memory_id = await mock_api.stored("tea")
    body = {"POST": {"content": "coffee"}, "PATCH": {"content": "coffee"}, "DELETE": None}[method]
    if path.endswith("batch"):
        body = {"memories": [{"content": "coffee"}]}  # type: ignore[dict-item] # another shape
    headers = [(b"X-User-ID", mock_api.user.encode()), (b"Idempotency-Key", given)]

    response: httpx.Response = await mock_api.http.request(
        method, path.format(id=memory_id), json=body, headers=headers
    )

    assert (response.status_code, field_in(response)) == (422, "Idempotency-Key")
    assert await mock_api.contents() == ["tea"]
