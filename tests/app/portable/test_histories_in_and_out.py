"""Histories over HTTP: the versions of memories come out behind them, and go in wherever the memories have gone."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.retention import KEPT_VERSIONS
from tests.app.portable.portability import exported, imported, of_kind, results, unsourced
from tests.app.portable.test_round_trip import EXAMPLES, texts
from tests.support.api import ABSENT_ID, Api, field_in

stories = st.lists(texts, min_size=1, max_size=5, unique=True)
lives = st.lists(st.tuples(stories, st.booleans()), min_size=1, max_size=3)
VERSION = {"kind": "version", "content": "tea", "created_at": "2026-01-02T03:04:05Z"}


async def changed(api: Api, *texts: str) -> str:
    """Store a memory and change it to each of the other texts; return its id."""
    memory_id = await api.stored(texts[0])
    for text in texts[1:]:
        await api.update(memory_id, content=text)
    return memory_id


async def history(api: Api, memory_id: str) -> list[dict[str, Any]]:
    """Return the versions of a memory, the newest first."""
    response = await api.request("GET", f"/memory/memories/{memory_id}/history", params={"limit": 100})
    assert response.status_code == 200, response.text
    versions: list[dict[str, Any]] = response.json()["versions"]
    return versions


async def texts_of(api: Api, memory_id: str) -> list[str]:
    """Return the texts of the versions of a memory, the newest first."""
    return [one["memory"]["content"] for one in await history(api, memory_id)]


async def test_versions_follow_the_memories(either: Api) -> None:
    """An export tells them behind the memories and counts them; another user has them then, as they were, and once."""
    one, two = await changed(either, "a", "b", "c"), await changed(either, "x", "y")
    alone = await either.stored("alone")
    before = await history(either, one)
    lines = await exported(either)
    other = either.stranger()
    first = (await imported(other, *lines)).json()
    again = (await imported(other, *lines)).json()

    kinds = [line["kind"] for line in lines if line["kind"] != "checkpoint"]
    assert kinds == ["header", *["memory"] * 3, *["version"] * 3, "trailer"]
    assert (lines[0]["version"], lines[-1]["versions"]) == ("1.4", 3)
    assert {one["memory_id"] for one in first["results"] if "version" in one} == {one, two}
    assert [first[name] for name in ("stored", "versions", "failed")] == [3, 3, 0]
    assert [again[name] for name in ("stored", "versions", "failed")] == [3, 0, 0]
    assert {one["status"] for one in again["results"] if "version" in one} == {"kept"}
    assert await texts_of(other, one) == ["c", "b", "a"]
    assert await texts_of(other, two) == ["y", "x"]
    assert await texts_of(other, alone) == ["alone"]
    assert [one["version"] for one in (await history(other, one))[1:]] == [one["version"] for one in before[1:]]
    assert {one["memory"]["source"]["origin"] for one in await history(other, one)} == {"import"}
    assert unsourced(of_kind("version", await exported(other))) == unsourced(of_kind("version", lines))


async def test_versions_of_deleted_memories_go_where_these_go(either: Api) -> None:
    """Under the new ids, also if the versions come in another request, and when it is repeated."""
    one = await changed(either, "a", "b", "c")
    lines = await exported(either)
    await either.delete(one)
    gone = await exported(either)
    [renamed] = [result for result in (await imported(either, *lines)).json()["results"] if "version" not in result][
        1:2
    ]
    later = (await imported(either, *of_kind("version", lines))).json()

    assert of_kind("version", gone) == []
    assert renamed["former_id"] == one
    assert {(result["memory_id"], result["former_id"]) for result in later["results"]} == {(renamed["memory_id"], one)}
    assert await texts_of(either, renamed["memory_id"]) == ["c", "b", "a"]


async def test_a_version_without_its_memory_fails(either: Api) -> None:
    """Nobody would see it, nor could delete it."""
    response = await imported(either, {**VERSION, "id": ABSENT_ID, "version": str(2**60)})

    assert results(response) == [(1, "failed")]
    assert response.json()["results"][0]["problem"]["status"] == 404


async def test_versions_that_are_not_kept_are_skipped_or_left(either: Api) -> None:
    """One that is too old is skipped, and one that is newer than the memory is no part of its history."""
    one = await either.stored("a")
    [newest] = await history(either, one)
    old, new = (str(version) for version in (1_000 << 16, int(newest["version"]) + 1))
    response = await imported(either, *({**VERSION, "id": one, "version": version} for version in (old, new)))

    assert results(response) == [(1, "skipped"), (2, "kept")]
    assert await texts_of(either, one) == ["a"]


async def test_each_version_line_fails_alone(either: Api) -> None:
    """With its number and its reason; the others are stored, and the trailer counts the lines that there were."""
    one = await changed(either, "a", "b")
    header, memory, checkpoint, version, *_, trailer = await exported(either)
    wrong: list[tuple[Any, str]] = [
        ({**version, "version": "x"}, "version"),
        ({**version, "version": "9" * 19}, "version"),
        ({name: value for name, value in version.items() if name != "version"}, "version"),
        ({**version, "id": "1"}, "memory_id"),
        ({**version, "content": " "}, "content"),
        ({**version, "mood": "good"}, "mood"),
        ({**version, "quarantine": "q"}, "quarantine"),
        ({**version, "created_at": "9999-12-31T23:59:59Z"}, "created_at"),
    ]
    bad = [line for line, _ in wrong]
    counted = {**trailer, "versions": len(wrong) + 1}
    other = either.stranger()
    response = await imported(other, header, memory, checkpoint, *bad, version, counted)
    found = response.json()["results"]

    assert checkpoint["kind"] == "checkpoint"
    failed = [(number, "failed") for number in range(4, len(wrong) + 4)]
    stored = (len(wrong) + 4, "stored")
    assert results(response) == [
        (1, "skipped"),
        (2, "stored"),
        (3, "skipped"),
        *failed,
        stored,
        (stored[0] + 1, "skipped"),
    ]
    assert [result["problem"]["errors"][0]["field"] for result in found[3:-2]] == [field for _, field in wrong]
    assert await texts_of(other, one) == ["b", "a"]


async def test_conditions_choose_versions_by_their_memories(either: Api) -> None:
    """Versions come with the memories that are exported, whatever they had themselves."""
    one = await changed(either, "a", "b")
    await changed(either, "x", "y")
    patch = {"metadata": {"topic": "travel"}, "session": "trip"}
    await either.request("PATCH", f"/memory/memories/{one}", json=patch)

    for params in ({"session": "trip"}, {"where": json.dumps({"topic": "travel"})}):
        lines = await exported(either, **params)
        assert [line["content"] for line in of_kind("version", lines)] == ["a", "b"]
        assert {line["id"] for line in of_kind("version", lines)} == {one}
        assert of_kind("tombstone", lines) == []


async def test_an_export_goes_on_among_versions(either: Api) -> None:
    """Pages of versions end with checkpoints, behind which comes the rest."""
    response = await either.remember_batch(*(f"{number}" for number in range(12)))
    given = []
    for result in response.json()["results"]:
        [newest] = await history(either, result["memory_id"])
        numbers = range(int(newest["version"]) - KEPT_VERSIONS, int(newest["version"]))
        given += [{**VERSION, "id": result["memory_id"], "version": str(number)} for number in numbers]
    await imported(either, *given)
    gone = await either.stored("gone")
    await either.delete(gone)
    lines = await exported(either)
    places = [place for place, line in enumerate(lines) if line["kind"] == "checkpoint"]

    assert lines[-1]["versions"] == len(of_kind("version", lines)) == 12 * KEPT_VERSIONS
    assert len(places) == 3
    for place in places:
        rest = await exported(either, after=lines[place]["after"])
        assert rest[1:-1] == lines[place + 1 : -1]


@pytest.mark.parametrize(
    "after", ["versions:", "versions:x::", "{0}:1", "{0}:x:1", "{0}:018f0000-0000-7000-8000-000000000000:0"]
)
async def test_a_cursor_among_versions_must_be_one(mock_api: Api, after: str) -> None:
    """One of an export with other conditions, or of none at all, is refused."""
    [place] = of_kind("checkpoint", await exported(mock_api))[:1]
    begin = place["after"].removesuffix("::")
    wrong = await mock_api.request("GET", "/memory/export", params={"after": after.format(begin)})
    other = await mock_api.request("GET", "/memory/export", params={"after": place["after"], "session": "trip"})

    assert [(one.status_code, field_in(one)) for one in (wrong, other)] == [(422, "after")] * 2


@pytest.mark.thorough
async def test_histories_survive_any_way(api: Api) -> None:
    """Whatever was changed and deleted: out, in, deleted, in again under new ids, and out, they are the same."""

    async def travelled(told: list[tuple[list[str], bool]]) -> None:
        here, there = api.stranger(), api.stranger()
        for wanted, is_deleted in told:
            memory_id = await changed(here, *wanted)
            if is_deleted:
                await here.delete(memory_id)
        lines = await exported(here)
        assert (await imported(there, *lines)).json()["failed"] == 0
        moved = await exported(there)
        await there.request("DELETE", "/memory/memories", params={"confirm": "everything"})
        assert of_kind("version", await exported(there)) == []
        assert (await imported(there, *lines)).json()["failed"] == 0
        again = await exported(there)

        expected = sorted(wanted for wanted, is_deleted in told if not is_deleted)
        for found in (lines, moved, again):
            histories: dict[str, list[str]] = {}
            for line in (*of_kind("version", found), *of_kind("memory", found)):
                histories.setdefault(line["id"], []).append(line["content"])
            assert sorted(histories.values()) == expected
        assert unsourced(of_kind("version", moved)) == unsourced(of_kind("version", lines))

    loop = asyncio.get_running_loop()

    @EXAMPLES
    @given(lives)
    def travels(told: list[tuple[list[str], bool]]) -> None:
        asyncio.run_coroutine_threadsafe(travelled(told), loop).result(timeout=120)

    await asyncio.to_thread(travels)


async def test_versions_of_before_an_erasure_are_skipped(api: Api) -> None:
    """The memories themselves come back, whose versions were erased for good; repeated it is the same."""
    await changed(api, "a", "b")
    lines = await exported(api)
    erased = await api.request("DELETE", "/memory/memories", params={"confirm": "everything", "erase": "true"})
    first = (await imported(api, *lines)).json()
    again = (await imported(api, *lines)).json()

    assert erased.status_code == 200, erased.text
    assert [result["status"] for result in first["results"] if "version" in result] == ["skipped"]
    assert [(done["stored"], done["failed"]) for done in (first, again)] == [(1, 0), (1, 0)]
    assert len(await api.contents()) == 1
