"""Memories under keys of the caller's choice: put, get, delete, rename, list, and what is asked of one version."""

from itertools import product
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from providers.labels import MAX_KEY_CHARS
from tests.support.api import ABSENT_ID, Api, field_in, problem_in

# What stands in a path as it is, once it is encoded; clients and proxies leave it alone.
PLAIN = ["plans", "plans/tea/green", "a b", "100%", "%2F", "what?", "#1", "кот/用户", "🍵", "list", "rename", "put"]
# What they rewrite, so that it goes in the body.
REWRITTEN = [".", "..", "/", "//", "a//b", "a/../b", "/a", "a/", "a/./b"]


def path_of(key: str) -> str:
    """The path of a key."""
    return f"/memory/keys/{quote(key)}"


async def put(either: Api, under: str, content: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - what `request` takes
    """Put a memory under a key."""
    response = await either.request(
        "PUT", path_of(under), json={"content": content, **options.pop("more", {})}, **options
    )
    assert response.status_code == 200, response.text
    return response


async def keys_of(either: Api, **wanted: object) -> dict[str, Any]:
    """What a list of keys answers."""
    response = await either.request("POST", "/memory/keys/list", json=wanted)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.parametrize("key", PLAIN)
async def test_a_key_stands_in_the_path(either: Api, key: str) -> None:
    """What is put under a key is got under it, with its version as the ETag, replaced in its place, and deleted."""
    first = await put(either, key, "tea", more={"metadata": {"hot": True}, "session": "one"})
    second = await put(either, key, "more tea")
    got = await either.request("GET", path_of(key))
    deleted = await either.request("DELETE", path_of(key))
    gone = await either.request("GET", path_of(key))

    assert first.json() == {"key": key, "memory_id": got.json()["id"], "created": True, "status": "stored"}
    assert (second.json()["created"], second.json()["memory_id"]) == (False, got.json()["id"])
    assert (got.json()["key"], got.json()["content"]) == (key, "more tea")
    assert not {"metadata", "session", "version"} & {name for name, value in got.json().items() if value is not None}
    assert got.headers["etag"] == second.headers["etag"] != first.headers["etag"]
    assert deleted.json() == {"memory_id": got.json()["id"], "status": "deleted"}
    assert problem_in(gone)["type"] == "urn:ninai:problem:memory-not-found"
    assert await either.contents() == []


@pytest.mark.parametrize("key", ["/", "//", "a/", "/a"])
async def test_slashes_that_are_encoded_stand_in_the_path(either: Api, key: str) -> None:
    """Nobody rewrites them."""
    path = f"/memory/keys/{quote(key, safe='')}"
    stored = await either.request("PUT", path, json={"content": "tea"})
    got = await either.request("GET", path)
    deleted = await either.request("DELETE", path)

    assert (stored.status_code, stored.json()["key"]) == (200, key)
    assert (got.json()["key"], got.json()["content"]) == (key, "tea")
    assert deleted.status_code == 200


@pytest.mark.parametrize("key", [*PLAIN[:3], *REWRITTEN])
async def test_a_key_stands_in_the_body(either: Api, key: str) -> None:
    """Every key can be put, got and deleted by a body that names it."""
    stored = await either.request("POST", "/memory/keys/put", json={"key": key, "content": "tea"})
    got = await either.request("POST", "/memory/keys/get", json={"key": key})
    listed = await keys_of(either)
    deleted = await either.request("POST", "/memory/keys/delete", json={"key": key})
    gone = await either.request("POST", "/memory/keys/get", json={"key": key})

    assert (got.json()["content"], got.json()["key"]) == ("tea", key)
    assert [one["key"] for one in listed["keys"]] == [key]
    assert deleted.json()["memory_id"] == stored.json()["memory_id"]
    assert gone.status_code == 404


async def test_a_repeated_deletion_is_answered_as_before(either: Api) -> None:
    """With the same idempotency key, whatever was put under the key meanwhile; without one nothing is found."""
    stored = await put(either, "plans", "tea")
    first, again = [await either.request("DELETE", path_of("plans"), key="one") for _ in range(2)]
    gone = await either.request("DELETE", path_of("plans"))
    await put(either, "plans", "milk")
    late = await either.request("DELETE", path_of("plans"), key="one")

    answers = [answer.json() for answer in (first, again, late)]
    assert answers == [{"memory_id": stored.json()["memory_id"], "status": "deleted"}] * 3
    assert gone.status_code == 404
    assert await either.contents() == ["milk"]


async def test_a_key_has_a_new_id_after_a_deletion(either: Api) -> None:
    """An id is never used again: what is put after a deletion is another memory."""
    first = await put(either, "plans", "tea")
    await either.request("DELETE", path_of("plans"))
    second = await put(either, "plans", "tea")

    assert second.json()["created"]
    assert second.json()["memory_id"] != first.json()["memory_id"]
    assert problem_in(await either.request("DELETE", path_of("nothing")))["status"] == 404


async def test_a_repeated_put_is_one(either: Api) -> None:
    """With an Idempotency-Key a repeat changes nothing, also after a change; with another content it is a conflict."""
    first = await put(either, "plans", "tea", key="once")
    again = await put(either, "plans", "tea", key="once")
    other = await either.request("PUT", path_of("plans"), json={"content": "milk"}, key="once")
    changed = await put(either, "plans", "milk", key="twice")
    repeated = await put(either, "plans", "milk", key="twice")

    assert again.json() == first.json()
    assert problem_in(other)["status"] == 409
    assert repeated.headers["etag"] == changed.headers["etag"]
    assert await either.contents() == ["milk"]


async def test_a_write_meets_the_version_that_its_caller_has_seen(either: Api) -> None:
    """PUT, PATCH and DELETE with an ETag that is no longer that of the memory are 412, and change nothing."""
    old = (await put(either, "plans", "tea")).headers["etag"]
    stored = await put(either, "plans", "more tea", headers={"If-Match": old})
    path, tag = f"/memory/memories/{stored.json()['memory_id']}", stored.headers["etag"]
    refused = [
        await either.request("PUT", path_of("plans"), json={"content": "x"}, headers={"If-Match": old}),
        await either.request(
            "POST", "/memory/keys/put", json={"key": "plans", "content": "x"}, headers={"If-Match": old}
        ),
        await either.request("DELETE", path_of("plans"), headers={"If-Match": old}),
        await either.request("PATCH", path, json={"content": "x"}, headers={"If-Match": old}),
        await either.request("DELETE", path, headers={"If-Match": old}),
        await either.request("DELETE", path, headers={"If-Match": '"another"'}),
        await either.request("PUT", path_of("nothing"), json={"content": "x"}, headers={"If-Match": "*"}),
    ]
    changed = await either.request("PATCH", path, json={"content": "most tea"}, headers={"If-Match": f"W/{tag}"})
    any_one = await either.request("PUT", path_of("plans"), json={"content": "all tea"}, headers={"If-Match": "*"})
    got = await either.request("GET", path)

    assert {problem_in(one)["type"] for one in refused} == {"urn:ninai:problem:version-mismatch"}
    assert {one.status_code for one in refused} == {412}
    assert changed.headers["etag"] != tag
    assert got.headers["etag"] == any_one.headers["etag"]
    gone = await either.request("DELETE", path, headers={"If-Match": got.headers["etag"]})
    assert gone.status_code == 200
    absent = await either.request("DELETE", f"/memory/memories/{ABSENT_ID}", headers={"If-Match": tag})
    assert problem_in(absent)["status"] == 404
    for wrong in ("5", '"a', "", '"1", "2"'):
        response = await either.request("DELETE", path, headers={"If-Match": wrong})
        assert field_in(response) == "If-Match"


async def test_what_a_caller_has_is_not_sent_again(either: Api) -> None:
    """GET and HEAD, by id and by key, answer 304 with the same headers to who shows the ETag, until it is another."""
    stored = await put(either, "plans", "tea")
    tag = stored.headers["etag"]
    paths = f"/memory/memories/{stored.json()['memory_id']}", path_of("plans")
    for path, method in product(paths, ("GET", "HEAD")):
        whole = await either.request("GET", path)
        for value in (tag, f"W/{tag}", f'"a,b", {tag}', "*"):
            response = await either.request(method, path, headers={"If-None-Match": value})
            assert (response.status_code, response.content) == (304, b"")
            assert not {"content-type", "content-length"} & {*response.headers}
            for name in ("etag", "cache-control", "memory-provider", "memory-consistency"):
                assert response.headers[name] == whole.headers[name]
        for other in ('"5"', tag.strip('"'), ""):
            response = await either.request(method, path, headers={"If-None-Match": other})
            assert response.status_code == 200

    await put(either, "plans", "milk")

    for path in paths:
        assert (await either.request("GET", path, headers={"If-None-Match": tag})).json()["content"] == "milk"
    absent = await either.request("GET", path_of("nothing"), headers={"If-None-Match": "*"})
    assert absent.status_code == 404


async def test_remember_tells_the_version(either: Api) -> None:
    """The answer to remember has the ETag that a get has, and that a change may expect."""
    stored = await either.request("POST", "/memory/remember", json={"content": "tea"})
    path = f"/memory/memories/{stored.json()['memory_id']}"

    assert (await either.request("GET", path)).headers["etag"] == stored.headers["etag"]
    expected = {"If-Match": stored.headers["etag"]}
    for status in (200, 412):
        changed = await either.request("PATCH", path, json={"content": "milk"}, headers=expected)
        assert changed.status_code == status


async def test_a_key_is_renamed(either: Api) -> None:
    """The memory keeps its id, content and time under its new key; a key that another memory has is refused."""
    first = await put(either, "a/1", "tea", more={"metadata": {"hot": True}})
    await put(either, "a/2", "milk")
    rename = {"from_key": "a/1", "to_key": "b"}
    renamed = await either.request("POST", "/memory/keys/rename", json=rename)
    again = await either.request("POST", "/memory/keys/rename", json=rename)
    taken = await either.request("POST", "/memory/keys/rename", json={"from_key": "a/2", "to_key": "b"})
    same = await either.request("POST", "/memory/keys/rename", json={"from_key": "b", "to_key": "b"})
    got = (await either.request("GET", path_of("b"))).json()

    assert (renamed.json(), same.json()) == (2 * ({"renamed": 1, "status": "renamed"},))
    assert problem_in(again)["status"] == 404
    assert problem_in(taken)["type"] == "urn:ninai:problem:key-taken"
    assert (got["id"], got["content"], got["metadata"]) == (first.json()["memory_id"], "tea", {"hot": True})


async def test_a_beginning_of_keys_is_renamed(either: Api) -> None:
    """All keys that begin with it do so with the new one then, also where the two overlap."""
    for key in ("a/1", "a/2", "a/b/3", "ab"):
        await put(either, key, key)
    moved = await either.request(
        "POST", "/memory/keys/rename", json={"from_key": "a/", "to_key": "a/a/", "prefix": True}
    )
    keys = [one["key"] for one in (await keys_of(either))["keys"]]
    taken = await either.request(
        "POST", "/memory/keys/rename", json={"from_key": "a/a/1", "to_key": "ab", "prefix": True}
    )
    long = {"from_key": "a/", "to_key": MAX_KEY_CHARS * "x", "prefix": True}
    too_long = await either.request("POST", "/memory/keys/rename", json=long)

    assert moved.json()["renamed"] == 3
    assert keys == ["a/a/1", "a/a/2", "a/a/b/3", "ab"]
    assert problem_in(taken)["status"] == 409
    assert field_in(too_long) == "to_key"
    nothing = await either.request("POST", "/memory/keys/rename", json={"from_key": "z", "to_key": "y", "prefix": True})
    assert problem_in(nothing)["status"] == 404


async def test_keys_are_listed_as_in_folders(either: Api) -> None:
    """A list has the keys with a beginning by code point, and counts those that lie deeper than it goes."""
    ids = {key: (await put(either, key, key)).json()["memory_id"] for key in ("a", "a/b", "a/b/c", "a/d/e", "ab", "é")}
    await either.request("POST", "/memory/remember", json={"content": "without a key"})

    whole, top, under = (
        await keys_of(either),
        await keys_of(either, depth=1),
        await keys_of(either, prefix="a/", depth=1),
    )

    assert {one["key"]: one["memory_id"] for one in whole["keys"]} == ids
    assert ([one["key"] for one in whole["keys"]], whole["folders"], whole["count"]) == (sorted(ids), [], 6)
    assert [one["key"] for one in top["keys"]] == ["a", "ab", "é"]
    assert [one["size"] for one in top["keys"]] == [1, 2, 2]  # bytes: each text is its key
    assert top["folders"] == [{"prefix": "a/", "count": 3, "size": 13}]
    assert [one["key"] for one in under["keys"]] == ["a/b"]
    assert under["folders"] == [
        {"prefix": "a/b/", "count": 1, "size": 5},
        {"prefix": "a/d/", "count": 1, "size": 5},
    ]
    assert (await keys_of(either, prefix="a_"))["count"] == 0


@pytest.mark.parametrize("body", [{}, {"user_id": "u"}])
async def test_a_key_is_its_users_own(either: Api, body: dict[str, str]) -> None:
    """Another user has other memories under the same key, whichever way it is named."""
    await put(either, "plans", "tea")
    headers = {} if body else {"X-User-ID": "someone else"}
    got = await either.http.post("/memory/keys/get", json={"key": "plans", **body}, headers=headers)

    assert problem_in(got)["status"] == 404


async def test_keys_have_limits(either: Api) -> None:
    """A key has 1 to 255 characters of any script, and none that no store can hold, wherever it is given."""
    longest = "用" * MAX_KEY_CHARS
    await put(either, longest, "tea")

    assert (await either.request("GET", path_of(longest))).json()["key"] == longest
    for wrong in (longest + "x", " ", "a\0b"):
        for method, body in (("GET", None), ("PUT", {"content": "x"}), ("DELETE", None)):
            assert field_in(await either.request(method, path_of(wrong), json=body)) == "key"
        for name in ("get", "delete", "put"):
            body = {"key": wrong} | ({"content": "x"} if name == "put" else {})
            assert field_in(await either.request("POST", f"/memory/keys/{name}", json=body)) == "key"
        rename = {"from_key": wrong, "to_key": "a"}
        assert field_in(await either.request("POST", "/memory/keys/rename", json=rename)) == "from_key"
    assert field_in(await either.request("GET", "/memory/keys/%FF")) == "key"
    assert field_in(await either.request("POST", "/memory/keys/list", json={"depth": 0})) == "depth"


async def test_keys_ask_for_scopes(guarded_http: httpx.AsyncClient) -> None:
    """Without an API key nothing is answered."""
    for method, path in (("GET", "/memory/keys/a"), ("GET", "/memory/keys/list"), ("POST", "/memory/keys/list")):
        assert (await guarded_http.request(method, path)).status_code == 401


async def test_each_memory_of_a_batch_may_have_a_key(either: Api) -> None:
    """It is created or replaced as by a put, also when the request is repeated; one without a key is stored beside."""
    await put(either, "plans", "tea")
    plans = {"content": "more tea", "key": "plans", "ttl_seconds": 60}
    memories = [{"content": "milk"}, plans, {"content": "x", "key": "/"}]
    headers = {"Idempotency-Key": "one"}
    first, again = [
        await either.request("POST", "/memory/remember/batch", json={"memories": memories}, headers=headers)
        for _ in range(2)
    ]

    assert first.status_code == 200, first.text
    assert [one.get("created") for one in first.json()["results"]] == [None, False, True]
    assert (first.json()["stored"], first.json()["failed"]) == (3, 0)
    repeated = [one["memory_id"] for one in again.json()["results"]]
    assert repeated == [one["memory_id"] for one in first.json()["results"]]
    assert sorted(await either.contents()) == ["milk", "more tea", "x"]
    assert (await either.request("GET", path_of("plans"))).json()["expires_at"] is not None


async def test_a_batch_names_a_key_once(either: Api) -> None:
    """Else nothing of it is stored; a key that breaks a rule, or comes with a time, fails alone."""
    twice = [{"content": "a", "key": "k"}, {"content": "b"}, {"content": "c", "key": "k"}]
    refused = await either.request("POST", "/memory/remember/batch", json={"memories": twice})
    assert (refused.status_code, field_in(refused)) == (422, "memories[2].key")
    assert "memories[0]" in refused.text
    assert await either.contents() == []

    some = [
        {"content": "a", "key": "k" * MAX_KEY_CHARS},
        {"content": "b", "key": "k" * (MAX_KEY_CHARS + 1)},
        {"content": "c", "key": "c", "created_at": "2026-01-01T00:00:00Z"},
    ]
    results = (await either.request("POST", "/memory/remember/batch", json={"memories": some})).json()["results"]
    assert [one["status"] for one in results] == ["stored", "failed", "failed"]
    assert [one["problem"]["errors"][0]["field"] for one in results[1:]] == ["key", "created_at"]
    assert await either.contents() == ["a"]
