"""The history of a memory over HTTP: its versions, page by page, and how one is brought back."""

from typing import Any

import pytest

from providers.history import MAX_HISTORY_LIMIT
from providers.limits import MAX_VERSION
from tests.support.api import ABSENT_ID, Api, field_in, problem_in

TEXTS = ["tea", "coffee", "milk"]


def path(memory_id: str) -> str:
    """Return the path of a history."""
    return f"/memory/memories/{memory_id}/history"


async def history(api: Api, memory_id: str, **params: str | int) -> dict[str, Any]:
    """Ask for a history."""
    response = await api.request("GET", path(memory_id), params=params)
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


async def written(api: Api) -> str:
    """Store a memory, change it twice, and return its id."""
    memory_id = await api.stored(TEXTS[0], {"n": 0})
    for place, text in enumerate(TEXTS[1:], 1):
        response = await api.update(memory_id, content=text, metadata={"n": place}, session=f"s{place}")
        assert response.status_code == 200, response.text
    return memory_id


def texts(told: dict[str, Any]) -> list[str]:
    """Return the contents of versions."""
    return [one["memory"]["content"] for one in told["versions"]]


async def test_a_history_shows_every_version(either: Api) -> None:
    """Newest first, each as it was read then, under the version that was its `ETag`."""
    memory_id = await either.stored("tea", {"n": 1})
    seen = [await either.get(memory_id)]
    await either.update(memory_id, content="coffee", session="s")
    seen.append(await either.get(memory_id))
    await either.update(memory_id, metadata=None)
    seen.append(await either.get(memory_id))

    told = await history(either, memory_id)

    assert told["next"] is None
    assert [one["memory"] for one in told["versions"]] == [one.json() for one in seen[::-1]]
    assert [one["current"] for one in told["versions"]] == [True, False, False]
    assert [f'"{one["version"]}"' for one in told["versions"]] == [one.headers["etag"] for one in seen[::-1]]


async def test_pages_lead_to_the_end(either: Api) -> None:
    """Each goes on behind the last one."""
    memory_id = await written(either)
    first = await history(either, memory_id, limit=2)
    second = await history(either, memory_id, limit=2, before=first["next"])

    assert texts(first) == ["milk", "coffee"]
    assert texts(second) == ["tea"]
    assert second["next"] is None


async def test_an_old_version_is_brought_back(either: Api) -> None:
    """With its metadata and labels; it is the newest version then, and nothing is lost."""
    memory_id = await written(either)
    first = (await history(either, memory_id))["versions"][-1]
    response = await either.request("POST", f"{path(memory_id)}/{first['version']}/restore")

    assert response.status_code == 200, response.text
    restored = response.json()
    same = {"updated_at": None, "source": first["memory"]["source"]}
    assert restored | same == first["memory"]
    assert restored == (await either.get(memory_id)).json()
    told = await history(either, memory_id)
    assert texts(told) == ["tea", "milk", "coffee", "tea"]
    assert f'"{told["versions"][0]["version"]}"' == response.headers["etag"]


async def test_a_restoration_is_made_once(either: Api) -> None:
    """With an `Idempotency-Key` a repetition changes nothing, also after another change."""
    memory_id = await written(either)
    first = (await history(either, memory_id))["versions"][-1]
    restore, headers = f"{path(memory_id)}/{first['version']}/restore", {"Idempotency-Key": "once"}
    assert (await either.request("POST", restore, headers=headers)).status_code == 200
    await either.update(memory_id, content="water")
    again = await either.request("POST", restore, headers=headers)

    assert (again.status_code, again.json()["content"]) == (200, "water")


async def test_a_restoration_may_expect_a_version(either: Api) -> None:
    """Another one than that which the memory has now is refused."""
    memory_id = await written(either)
    newest, *_, first = (await history(either, memory_id))["versions"]
    restore = f"{path(memory_id)}/{first['version']}/restore"

    def expecting(version: str) -> dict[str, str]:
        return {"If-Match": f'"{version}"'}

    refused = await either.request("POST", restore, headers=expecting(first["version"]))
    made = await either.request("POST", restore, headers=expecting(newest["version"]))

    assert problem_in(refused)["type"] == "urn:ninai:problem:version-mismatch"
    assert made.status_code == 200


async def test_a_version_that_is_not_there_cannot_be_brought_back(either: Api) -> None:
    """Nor one of a memory that is not there."""
    memory_id = await written(either)
    newest = (await history(either, memory_id))["versions"][0]["version"]
    for version in ("1", str(int(newest) + 1), str(MAX_VERSION)):
        response = await either.request("POST", f"{path(memory_id)}/{version}/restore")
        assert problem_in(response)["type"] == "urn:ninai:problem:version-not-found"
    response = await either.request("POST", f"{path(ABSENT_ID)}/{newest}/restore")

    assert problem_in(response)["type"] == "urn:ninai:problem:memory-not-found"


async def test_what_is_deleted_has_no_history(either: Api) -> None:
    """Nor has what never was."""
    memory_id = await written(either)
    await either.delete(memory_id)

    for absent in (memory_id, ABSENT_ID):
        response = await either.request("GET", path(absent))
        assert problem_in(response)["type"] == "urn:ninai:problem:memory-not-found"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": MAX_HISTORY_LIMIT + 1}, "limit"),
        ({"before": "0"}, "before"),
        ({"before": str(MAX_VERSION + 1)}, "before"),
        ({"before": "9" * 20}, "before"),
        ({"before": "yesterday"}, "before"),
        ({"until": "1"}, "until"),
    ],
)
async def test_what_cannot_be_meant_is_refused(api: Api, params: dict[str, str | int], field: str) -> None:
    """Each with the name of the parameter."""
    memory_id = await api.stored("tea")

    assert field_in(await api.request("GET", path(memory_id), params=params)) == field


@pytest.mark.parametrize("params", [{"limit": 1}, {"limit": MAX_HISTORY_LIMIT}, {"before": str(MAX_VERSION)}])
async def test_what_is_just_allowed_is_answered(api: Api, params: dict[str, str | int]) -> None:
    """On the other side of each limit."""
    memory_id = await api.stored("tea")

    assert texts(await history(api, memory_id, **params)) == ["tea"]


async def test_a_restoration_without_a_version_is_refused(api: Api) -> None:
    """The name of a version is a number."""
    memory_id = await api.stored("tea")

    assert field_in(await api.request("POST", f"{path(memory_id)}/first/restore")) == "version"
