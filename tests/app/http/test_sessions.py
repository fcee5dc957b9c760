"""A session finds what it has written, or is told that it may be missing; a journal that is lost is told as well."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.support.api import Api, asgi_client, fresh_user, problem_in, running_app
from tests.support.chains import two_providers

LOST = "urn:ninai:problem:session-lost"


@pytest.fixture
async def chained(tmp_path: Path) -> AsyncIterator[Api]:
    """Return a user of a chain whose journal is a file in the folder of the test."""
    async with running_app(two_providers(tmp_path)) as app, asgi_client(app) as http:
        yield Api(http, fresh_user())


def remove(path: Path) -> None:
    """Remove a file."""
    path.unlink()


async def read_all(api: Api, memory_id: str, session: str | None) -> list[httpx.Response]:
    """Make every read, with a session if one is given."""
    headers = {} if session is None else {"Memory-Session": session}
    query = {"query": "tea"}
    return [
        await api.request("GET", f"/memory/memories/{memory_id}", headers=headers),
        await api.request("GET", "/memory/memories", headers=headers),
        await api.request("POST", "/memory/recall", json=query, headers=headers),
        await api.request("POST", "/memory/recall/batch", json={"queries": [query, query]}, headers=headers),
    ]


async def test_a_session_that_is_lost_is_to_be_dropped(chained: Api) -> None:
    """That of another journal, and one that is ahead of this journal; without it the same read is answered."""
    written = await chained.remember("tea")
    memory_id, session = written.json()["memory_id"], written.headers["memory-session"]
    journal, _, seq = session.rpartition(".")

    for lost in (f"{uuid4()}.{seq}", f"{uuid4()}.0", f"{journal}.{int(seq) + 1}", f"{journal}.{10**19 - 1}"):
        for response in await read_all(chained, memory_id, lost):
            assert (response.status_code, problem_in(response)["type"]) == (409, LOST)
            assert "drop the session" in problem_in(response)["detail"]
    for kept in (session, f"{journal}.0", None):
        assert [response.status_code for response in await read_all(chained, memory_id, kept)] == [200] * 4


async def test_without_a_journal_every_session_is_lost(mock_api: Api) -> None:
    """What it has written to a former journal may be missing."""
    memory_id = await mock_api.stored("tea")

    for response in await read_all(mock_api, memory_id, f"{uuid4()}.1"):
        assert (response.status_code, problem_in(response)["type"]) == (409, LOST)


async def test_a_lost_journal_takes_nothing(chained: Api, tmp_path: Path) -> None:
    """Writes and sessions are refused until a restart, and the health says why; other reads are marked as eventual."""
    written = await chained.remember("tea")
    memory_id, session = written.json()["memory_id"], written.headers["memory-session"]
    healthy = (await chained.http.get("/memory/health")).json()
    remove(tmp_path / "journal.sqlite3")

    refused = [
        await chained.remember("coffee"),
        await chained.request("PATCH", f"/memory/memories/{memory_id}", json={"content": "coffee"}),
        await chained.request("DELETE", f"/memory/memories/{memory_id}"),
        *await read_all(chained, memory_id, session),
    ]
    assert [response.status_code for response in refused] == [503] * 7
    answers = await read_all(chained, memory_id, None)
    assert {(one.status_code, one.headers["memory-consistency"]) for one in answers} == {(200, "eventual")}
    sick = (await chained.http.get("/memory/health")).json()
    assert "journal_error" not in healthy
    assert "the file that this service has open is gone: restart the service" in sick["journal_error"]


async def test_a_change_is_repeated_after_many_others(chained: Api) -> None:
    """Forty keyed changes later the first one is answered with the memory as it is now, and changes nothing."""
    path = f"/memory/memories/{await chained.stored('tea')}"
    for number in range(40):
        sent = await chained.request("PATCH", path, key=f"change {number}", json={"content": f"tea {number}"})
        assert sent.status_code == 200

    repeated = await chained.request("PATCH", path, key="change 0", json={"content": "tea 0"})
    other = await chained.request("PATCH", path, key="change 0", json={"content": "coffee"})

    assert (repeated.status_code, repeated.json()["content"]) == (200, "tea 39")
    assert (other.status_code, problem_in(other)["type"]) == (409, "urn:ninai:problem:conflict")
    assert (await chained.request("GET", path)).json()["content"] == "tea 39"
