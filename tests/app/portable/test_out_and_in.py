"""Export and import over HTTP: everything comes out, and goes in under the same ids or, once deleted, new ones."""

from typing import Any

import pytest

from app.http.json.lines import MEDIA_TYPE
from app.portable.importing import MAX_IMPORT_LINES, MAX_NEW_IDS
from tests.app.portable.portability import exported, imported, of_kind, results, unsourced
from tests.support.api import ABSENT_ID, Api, field_in, problem_in

MEMORY = {"kind": "memory", "id": ABSENT_ID, "content": "tea", "created_at": "2026-01-02T03:04:05Z"}


async def some(api: Api) -> list[str]:
    """Store memories of all sorts, and delete one of them; return the ids of the others, oldest first."""
    moment = "2020-02-02T02:02:02.5Z"
    batch = {
        "memories": [
            {"content": "first", "created_at": moment, "session": "trip", "speaker": "José", "metadata": {"a": [1]}},
            {"content": "second", "created_at": moment},
            {"content": "gone", "created_at": moment},
            {"content": "third 用户", "agent": "planner", "app": "demo"},
        ]
    }
    response = await api.request("POST", "/memory/remember/batch", json=batch)
    one, two, gone, three = [result["memory_id"] for result in response.json()["results"]]
    await api.update(two, content="second, changed")
    await api.delete(gone)
    return [one, two, three]


async def listed(api: Api) -> list[dict[str, Any]]:
    """Return everything that a list shows, but for whose it is."""
    memories = (await api.page(order="oldest")).json()["memories"]
    return [{name: value for name, value in memory.items() if name != "user_id"} for memory in memories]


async def test_everything_comes_out_and_goes_in(either: Api) -> None:
    """Another user has the same then, with ids, times, labels and order; a second time changes nothing."""
    ids = await some(either)
    lines = await exported(either)
    other = either.stranger()
    first = await imported(other, *lines)
    again = await imported(other, *lines)

    header, *_, trailer = lines
    assert (header["kind"], header["version"], header["user_id"]) == ("header", "1.4", either.user)
    assert [line["id"] for line in of_kind("memory", lines)] == ids
    [tombstone] = of_kind("tombstone", lines)
    assert set(tombstone) == {"kind", "id", "created_at"}
    assert [trailer[name] for name in ("kind", "memories", "versions", "tombstones")] == ["trailer", 3, 1, 1]
    assert (
        (first.json()["stored"], first.json()["failed"]) == (again.json()["stored"], again.json()["failed"]) == (3, 0)
    )
    assert unsourced(await listed(other)) == unsourced(await listed(either))
    assert unsourced(of_kind("memory", await exported(other))) == unsourced(of_kind("memory", lines))


async def put_under(api: Api, key: str) -> str:
    """Put a memory that expires some day under a key; return its id."""
    kept = {"key": key, "content": f"{key} of {api.user}", "expires_at": "2999-12-31T23:59:59Z"}
    memory_id: str = (await api.request("POST", "/memory/keys/put", json=kept)).json()["memory_id"]
    return memory_id


async def test_keys_and_expiries_go_along(either: Api) -> None:
    """Under a key that is there already the memory stays that was stored later."""
    other = either.stranger()
    await put_under(other, "a")
    a, b, c = [await put_under(either, key) for key in ("a", "b", "c/用户")]
    newer = await put_under(other, "b")
    lines = await exported(either)

    assert (await imported(other, *lines)).json()["stored"] == 3
    after = {memory["key"]: memory for memory in await listed(other)}
    assert len(await listed(other)) == 3
    assert {key: memory["id"] for key, memory in after.items()} == {"a": a, "b": newer, "c/用户": c}
    assert {memory["expires_at"] for memory in after.values()} == {"2999-12-31T23:59:59Z"}
    assert (await other.get(b)).status_code == 404


async def test_what_was_deleted_comes_back_under_new_ids(either: Api) -> None:
    """Ids derive from the old ones, so that repeating it is idempotent, also after they were deleted again.

    Of superseded versions alone a repetition tells that they were there.
    """
    await some(either)
    before, lines = await listed(either), await exported(either)
    for _ in range(2):
        await either.request("DELETE", "/memory/memories", params={"confirm": "everything"})
        first = await imported(either, *lines)
        again = await imported(either, *lines)
        after = await listed(either)

        told = [
            {**one, "status": "kept"} if "version" in one and one["status"] == "stored" else one
            for one in first.json()["results"]
        ]
        assert again.json()["results"] == told
        assert (first.json()["versions"], again.json()["versions"]) == (1, 0)
        assert [first.json()[name] for name in ("stored", "kept", "failed")] == [
            again.json()[name] for name in ("stored", "kept", "failed")
        ]
        assert [{**memory, "id": ""} for memory in unsourced(after)] == [
            {**memory, "id": ""} for memory in unsourced(before)
        ]
        assert {memory["source"]["origin"] for memory in after} == {"import"}
        assert not {memory["id"] for memory in after} & {memory["id"] for memory in before}
        named = {one["former_id"]: one["memory_id"] for one in first.json()["results"] if "former_id" in one}
        assert [named[memory["id"]] for memory in before] == [memory["id"] for memory in after]


async def test_another_name_makes_another_import(either: Api) -> None:
    """What was deleted comes back once for each name, and what is there stays once."""
    one = await either.stored("one")
    lines = await exported(either)
    await either.delete(one)
    ids = [(await imported(either, *lines, name=name)).json()["results"][1]["memory_id"] for name in ("a", "b", "a")]

    assert ids[0] == ids[2] != ids[1]
    assert await either.contents() == ["one", "one"]


async def test_new_ids_end(mock_api: Api) -> None:
    """After so many of them the line fails, and says what to do."""
    line = {**MEMORY, "id": await mock_api.stored("tea")}
    for _ in range(MAX_NEW_IDS):
        [memory] = (await mock_api.page()).json()["memories"]
        await mock_api.delete(memory["id"])
        assert results(await imported(mock_api, line)) == [(1, "stored")]
    [memory] = (await mock_api.page()).json()["memories"]
    await mock_api.delete(memory["id"])
    response = await imported(mock_api, line)

    assert results(response) == [(1, "failed")]
    assert "another name" in response.json()["results"][0]["problem"]["detail"]
    assert results(await imported(mock_api, line, name="another")) == [(1, "stored")]


async def test_what_is_there_is_left_as_it_is(either: Api) -> None:
    """An edit that came later is not undone, and another memory under the id not replaced."""
    one = await either.stored("one")
    lines = await exported(either)
    await either.update(one, content="uno")

    repeated = await imported(either, *lines)
    other = await imported(either, {**MEMORY, "id": one, "content": "another one"})

    assert await either.contents() == ["uno"]
    assert results(repeated)[1] == (2, "stored")
    assert results(other) == [(1, "kept")]
    assert other.json()["kept"] == 1


async def test_conditions_choose(either: Api) -> None:
    """Labels, metadata and times; what was deleted has none of them and is left out."""
    await some(either)

    for params, content in (
        ({"session": "trip"}, "first"),
        ({"where": '{"a": [1]}'}, "first"),
        ({"created_from": "2021-01-01T00:00:00Z"}, "third 用户"),
    ):
        lines = await exported(either, **params)
        assert [line["content"] for line in of_kind("memory", lines)] == [content]
        assert lines[-1]["tombstones"] == 0


@pytest.mark.thorough
async def test_an_export_goes_on_behind_a_checkpoint(either: Api) -> None:
    """Pages end with checkpoints; what follows one of them is the rest, in the same order."""
    contents = [f"{number} {'x' * 30_000}" for number in range(80)]  # more than two pages hold
    for begin in range(0, len(contents), 20):
        await either.remember_batch(*contents[begin : begin + 20])
    gone = await either.stored("gone")
    await either.delete(gone)
    lines = await exported(either)
    places = [place for place, line in enumerate(lines) if line["kind"] == "checkpoint"]

    assert len(places) >= 3
    assert [line["content"] for line in of_kind("memory", lines)] == contents
    for place in places:
        rest = await exported(either, after=lines[place]["after"])
        assert rest[0]["after"] == lines[place]["after"]
        assert rest[1:-1] == lines[place + 1 : -1]
        assert rest[-1]["memories"] == len(of_kind("memory", lines[place:]))


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"after": "x"}, "after"),
        ({"after": "deleted:x"}, "after"),
        ({"after": "deleted:", "session": "s"}, "after"),
        ({"after": ""}, "after"),
        ({"limit": "1"}, "limit"),
        ({"where": "{"}, "where"),
    ],
)
async def test_a_wrong_export_is_refused(mock_api: Api, params: dict[str, str], field: str) -> None:
    """With the parameter, before anything is sent."""
    response = await mock_api.request("GET", "/memory/export", params=params)

    assert (response.status_code, field_in(response)) == (422, field)


async def test_a_cursor_of_other_conditions_is_refused(mock_api: Api) -> None:
    """It would go on with another list."""
    await mock_api.remember_batch(*[f"{number} {'x' * 30_000}" for number in range(80)][:40])
    [place, *_] = of_kind("checkpoint", await exported(mock_api))
    response = await mock_api.request("GET", "/memory/export", params={"after": place["after"], "session": "trip"})

    assert (response.status_code, field_in(response)) == (422, "after")


async def test_each_line_fails_alone(either: Api) -> None:
    """With its number and its reason, whatever is wrong with it; the others are stored."""
    wrong: list[tuple[Any, str]] = [
        ("{", "line"),
        ("[]", "line"),
        ("\x00", "line"),
        ({**MEMORY, "kind": "riddle"}, "kind"),
        ({**MEMORY, "id": "1"}, "memory_id"),
        ({**MEMORY, "content": " "}, "content"),
        ({**MEMORY, "mood": "good"}, "mood"),
        ({**MEMORY, "created_at": "2026-01-02T03:04:05"}, "created_at"),
        ({**MEMORY, "created_at": "9999-12-31T23:59:59Z"}, "created_at"),
        ({**MEMORY, "session": ""}, "session"),
        ({**MEMORY, "first_version": -1}, "first_version"),
        ({**MEMORY, "metadata": {"x": "y" * 100_000}}, "metadata"),
        ({"kind": "memory"}, "created_at"),
    ]
    response = await imported(either, *(line for line, _ in wrong), "", MEMORY)
    found = response.json()["results"]

    assert results(response) == [
        *((number, "failed") for number in range(1, len(wrong) + 1)),
        (len(wrong) + 2, "stored"),
    ]
    assert [one["problem"]["errors"][0]["field"] for one in found[:-1]] == [field for _, field in wrong]
    assert await either.contents() == ["tea"]


async def test_lines_that_are_missing_are_noticed(mock_api: Api) -> None:
    """The trailer of an export counts them."""
    await some(mock_api)
    header, first, *rest = await exported(mock_api)
    response = await imported(mock_api, header, *rest)

    assert results(response)[-1] == (len(rest) + 1, "failed")
    assert "lines are missing" in response.json()["results"][-1]["problem"]["detail"]
    assert first["kind"] == "memory"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({"format": "ninai-memories", "version": "1.0"}, 200),
        ({"format": "ninai-memories", "version": "1.7"}, 200),
        ({"format": "ninai-memories", "version": "2.0"}, 422),
        ({"format": "ninai-memories", "version": "x"}, 422),
        ({"format": "another", "version": "1.0"}, 422),
    ],
)
async def test_the_format_must_be_known(mock_api: Api, header: dict[str, str], status: int) -> None:
    """A newer version with the same first number is read, but for lines with fields that are not known here."""
    response = await imported(mock_api, {"kind": "header", **header}, MEMORY)

    assert response.status_code == status
    assert await mock_api.contents() == (["tea"] if status == 200 else [])


async def test_an_import_has_limits(mock_api: Api) -> None:
    """So many lines, and bytes of each, and lines alone."""
    blank = "\n" * (MAX_IMPORT_LINES - 1)
    assert (await imported(mock_api, blank)).status_code == 200
    assert field_in(await imported(mock_api, blank + "\n ")) == "body"
    [long] = (await imported(mock_api, {**MEMORY, "content": "x" * 1_100_000})).json()["results"]
    assert (long["status"], long["problem"]["status"]) == ("failed", 413)
    assert (await imported(mock_api, MEMORY, name="n" * 64)).status_code == 200
    assert field_in(await imported(mock_api, MEMORY, name="n" * 65)) == "name"
    plain = await mock_api.request("POST", "/memory/import", json=MEMORY)
    assert (plain.status_code, problem_in(plain)["status"]) == (415, 415)


async def test_a_head_is_no_export(mock_api: Api) -> None:
    """It has the headers alone, and little is read for it."""
    await mock_api.stored("tea")
    response = await mock_api.request("HEAD", "/memory/export")

    assert (response.status_code, response.headers["content-type"], response.content) == (200, MEDIA_TYPE, b"")


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_an_export_is_packed_on_request(mock_api: Api, coding: str) -> None:
    """As other answers are."""
    await mock_api.remember_batch(*[f"tea number {number}" for number in range(50)])
    response = await mock_api.request("GET", "/memory/export", headers={"Accept-Encoding": coding})

    assert response.headers["content-encoding"] == coding
